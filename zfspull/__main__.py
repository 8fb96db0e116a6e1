"""`python -m zfspull` is `zfspull`."""

from zfspull.cli.main import main


raise SystemExit(main())
