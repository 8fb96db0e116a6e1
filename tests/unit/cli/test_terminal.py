import io

import pytest
from rich.text import Text

from zfspull.cli.terminal import Terminal, as_text, console, look_at, show


class _Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "no_color", "animated", "coloured"),
    [
        ({"TERM": "xterm"}, False, True, True),
        ({"TERM": "xterm"}, True, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, False, True, True),
        ({"TERM": "dumb"}, False, False, False),
    ],
)
def test_the_wishes_of_the_user_are_respected(environ, no_color, animated, coloured):
    """NO_COLOR, --no-color and TERM=dumb each do what they say."""
    terminal = look_at(_Tty(), {**environ, "COLUMNS": "90"}, no_color=no_color)

    assert terminal == Terminal(animated=animated, coloured=coloured, columns=90)


def test_a_file_gets_plain_lines_of_any_width():
    """What is no terminal gets neither colour nor movement nor a width."""
    assert look_at(io.StringIO(), {"TERM": "xterm", "COLUMNS": "20"}, no_color=False) == Terminal(
        animated=False, coloured=False, columns=None
    )


def test_markup_in_text_is_text():
    """Square brackets in names are no commands to the renderer."""
    assert as_text("[red]tank[/red] :smile:") == "[red]tank[/red] :smile:"


@pytest.mark.parametrize(("coloured", "shown"), [(True, "\x1b[31mno\x1b[0m\n"), (False, "no\n")])
def test_colour_only_where_it_is_wanted(coloured, shown):
    """Escapes are written to terminals that take colour, to nothing else."""
    out = io.StringIO()

    show(Text("no", style="red"), Terminal(animated=True, coloured=coloured, columns=40), out)

    assert out.getvalue().replace("\x1b[0;31m", "\x1b[31m") == shown


def test_a_console_fits_the_terminal():
    """Lines are as wide as the terminal, and unlimited elsewhere."""
    assert console(Terminal(animated=True, coloured=False, columns=40)).width == 40
    assert console(Terminal(animated=False, coloured=False)).width == 1000
