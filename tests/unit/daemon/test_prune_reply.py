"""What a prune tells whoever asked for it."""

from __future__ import annotations

from zfspull.daemon.prune_reply import prune_reply
from zfspull.errors import PermanentError
from zfspull.pull.prune import PruneReport


def test_a_reply_says_why_the_source_could_not_be_asked():
    """P6: that nothing was destroyed since the base is unknown is told with its kind and hint; null says that it was asked."""
    refused = PermanentError("gw refused the key", hint="zfspull doctor home", host="gw")

    assert prune_reply(PruneReport(unreachable=refused))["unreachable"] == {
        "kind": "permanent",
        "message": "gw refused the key",
        "hint": "zfspull doctor home",
    }
    assert prune_reply(PruneReport())["unreachable"] is None
