from zfspull.zfs.features import Feature, Lacking, lacking, parse_features


PRINTED = """\
size\t1000
feature@async_destroy\tenabled
feature@large_blocks\tactive
feature@zstd_compress\tdisabled
feature@odd\tsomething
unsupported@com.example:new\tinactive
"""


def test_features_are_read():
    """Only features with a value that ZFS knows count."""
    assert parse_features(PRINTED) == {
        "async_destroy": Feature.ENABLED,
        "large_blocks": Feature.ACTIVE,
        "zstd_compress": Feature.DISABLED,
    }


def test_what_the_target_lacks():
    """In use there and disabled or unknown here is lacking; merely enabled there, or in use in no stream, is not."""
    source = {
        "large_blocks": Feature.ACTIVE,
        "zstd_compress": Feature.ACTIVE,
        "encryption": Feature.ACTIVE,
        "large_dnode": Feature.ENABLED,
        "draid": Feature.ACTIVE,
    }
    target = {"large_blocks": Feature.DISABLED, "encryption": Feature.ENABLED}

    assert list(lacking(source, target)) == [
        Lacking("large_blocks", "records larger than 128 KiB", known=True),
        Lacking("zstd_compress", "blocks compressed with zstd", known=False),
    ]
