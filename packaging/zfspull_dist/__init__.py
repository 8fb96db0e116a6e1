"""What is built of zfspull to be installed elsewhere: wheel, sdist, Debian package, man pages, shell completions.

Everything here is a function of the checkout: the same files make the same bytes. Nothing here is installed.
"""
