"""What `zfs receive -s` does with a stream: accepts it, refuses it, or keeps the beginning of an interrupted one."""

from __future__ import annotations

from zfspull.hosts.memory import words
from zfspull.hosts.memory.cipher import seal
from zfspull.hosts.memory.frames import Begin, Parser, Record, Write
from zfspull.hosts.memory.pools import Pools
from zfspull.hosts.memory.store import Blob, Node, Partial
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.zfs.names import parent


class Reception:
    """One receive into dataset `name`.

    Args:
        pools: where.
        name: the dataset, which a full stream makes.
        stay_plain: that `-o encryption=off` was given.
        readonly: that `-o readonly=on` was given.
    """

    def __init__(self, pools: Pools, name: str, *, stay_plain: bool = False, readonly: bool = True) -> None:
        self._pools = pools
        self._name = name
        self._stay_plain = stay_plain
        self._readonly = readonly
        self._parser = Parser()
        self._begin: Begin | None = None
        self._node: Node | None = None
        self._skipping = False
        self._complete = False

    def feed(self, piece: bytes) -> None:
        """Take a piece of the stream.

        Raises:
            ZfsSaysError: the receive fails here.
        """
        for record in self._parser.feed(piece):
            self._take(record)

    def end_of_stream(self) -> None:
        """The stream has ended.

        Raises:
            ZfsSaysError: it has ended too early.
        """
        if self._complete:
            return
        if self._begin is None or self._partial is None:
            raise ZfsSaysError(words.NO_STREAM)
        raise ZfsSaysError(f"cannot receive {_title(self._begin)} stream: {words.resumable(self._partial.token)}")

    def close(self, *, power_cut: bool = False) -> None:
        """The receive is over, however it went."""
        if self._node is not None:
            self._node.receiving = False
        if power_cut and self._partial is not None:
            self._partial.lose_last_record()

    @property
    def _partial(self) -> Partial | None:
        return self._node.partial if self._node else None

    def _take(self, record: Record) -> None:
        if isinstance(record, Begin):
            self._start(record)
        elif self._skipping:
            self._complete = self._begin is not None and self._begin.last
        elif isinstance(record, Write):
            self._write(record)
        else:
            self._finish()

    # The beginning: every reason to refuse, in the order in which OpenZFS finds them.

    def _start(self, begin: Begin) -> None:
        self._begin = begin
        self._complete = False
        node = self._pools.nodes.get(self._name)
        # An increment to a snapshot that is there is passed over, and counts as received.
        more = begin.from_guid is not None and not begin.resumed
        self._skipping = more and node is not None and _has(node, begin.to_guid)
        if self._skipping:
            return
        if begin.resumed:
            node = self._resume(begin, node)
        elif begin.from_guid is None:
            node = self._create(begin, node)
        else:
            node = self._increment(begin, node)
        node.receiving = True
        self._node = node

    def _refuse(self, begin: Begin, text: str) -> ZfsSaysError:
        return ZfsSaysError(f"cannot receive {_title(begin)} stream: {text.format(name=self._name)}")

    def _create(self, begin: Begin, node: Node | None) -> Node:
        if node is not None:
            raise self._refuse(begin, words.EXISTS)
        above = self._pools.nodes.get(parent(self._name) or "")
        if above is None:
            raise ZfsSaysError(words.NO_PARENT.format(parent=parent(self._name)))
        node = Node(name=self._name, kind=begin.kind, guid=self._pools.guid(), readonly=self._readonly)
        if begin.key is not None:
            node.key, node.encryption_root = begin.key, self._name
        elif above.key is not None and not self._stay_plain:
            if above.master is None:
                raise self._refuse(begin, words.KEY_NEEDED)
            if begin.embedded:
                raise self._refuse(begin, words.EMBEDDED)
            self._pools.inherit_key(node, above)
        node.partial = Partial(begin)
        self._pools.nodes[self._name] = node
        return node

    def _resume(self, begin: Begin, node: Node | None) -> Node:
        if node is None:
            raise self._refuse(begin, words.NO_DESTINATION)
        if self._stay_plain:
            raise self._refuse(begin, words.ENCRYPTION_NOT_SETTABLE)
        partial = node.partial
        newest = node.newest.guid if node.newest else None
        if partial is None or partial.begin.to_guid != begin.to_guid or newest != begin.from_guid:
            raise self._refuse(begin, "kernel modules must be upgraded to receive this stream.")
        partial.last_bytes = 0  # what an earlier receive wrote is safe by now
        return node

    def _increment(self, begin: Begin, node: Node | None) -> Node:
        if node is None:
            raise self._refuse(begin, words.NO_DESTINATION)
        snapshot = begin.to_name.partition("@")[2]
        if node.partial is None and node.shot(snapshot):
            raise ZfsSaysError(words.NAME_TAKEN.format(name=self._name, snapshot=snapshot))
        base = next((shot for shot in node.snapshots if shot.guid == begin.from_guid), None)
        raw = begin.key is not None
        reasons = (
            (node.receiving, words.BUSY),
            (node.partial is not None, words.PARTIAL),
            (raw and node.key is None, words.RAW_ON_PLAIN),
            (not raw and node.key is not None and node.master is None, words.KEY_NEEDED),
            (not raw and node.key is not None and begin.embedded, words.EMBEDDED),
            (base is None, words.NO_MATCH),
            (base is not None and node.content != base.content, words.MODIFIED),
            (raw and node.newest is not base, words.MODIFIED),
            (begin.key is not None and node.key is not None and begin.key.guid != node.key.guid, words.KEY_DIFFERS),
            (base is not None and raw and begin.from_ivsetguid != base.ivsetguid, words.IVSET_DIFFERS),
        )
        if text := next((text for applies, text in reasons if applies), None):
            raise self._refuse(begin, text)
        node.partial = Partial(begin)
        return node

    # The content and the end.

    def _write(self, record: Write) -> None:
        assert self._begin is not None  # noqa: S101 - a stream begins with its beginning
        partial = self._partial
        assert partial is not None  # noqa: S101 - likewise
        free = self._pools.free_bytes()
        if free is not None and free < len(record.data):
            raise self._refuse(self._begin, words.NO_SPACE)
        if record.offset != len(partial.tail):
            raise ZfsSaysError(f"cannot receive {_title(self._begin)} stream: invalid backup stream")
        partial.nonce = record.nonce
        partial.tail += record.data
        partial.last_bytes = len(record.data)
        if len(partial.tail) == record.size:
            partial.blobs.append(Blob(record.nonce, bytes(partial.tail)))
            partial.tail.clear()

    def _finish(self) -> None:
        node, partial = self._node, self._partial
        assert node is not None  # noqa: S101 - a stream begins with its beginning
        assert partial is not None  # noqa: S101 - likewise
        begin = partial.begin
        if (
            node.modified
        ):  # since the beginning was received; seen only now, when the new head takes the old one's place
            raise self._refuse(self._begin or begin, words.MODIFIED)
        blobs = tuple(partial.blobs)
        if begin.key is None and node.master is not None:
            blobs = tuple(Blob(blob.nonce, seal(node.master, blob.nonce, blob.stored)) for blob in blobs)
        node.content = (*node.content, *blobs)
        node.key = begin.key or node.key
        node.partial = None
        node.receiving = False
        self._pools.add_shot(
            node,
            begin.to_name.partition("@")[2],
            guid=begin.to_guid,
            content=node.content,
            createtxg=self._pools.next_txg(),
            creation=begin.creation,
            ivsetguid=begin.ivsetguid,
        )
        self._complete = begin.last or begin.resumed or bool(self._begin and self._begin.last)


def abort(pools: Pools, name: str) -> None:
    """`zfs receive -A`: of a first receive, the whole dataset goes.

    Raises:
        ZfsSaysError: there is nothing to abort.
    """
    node = pools.find(name)
    if node.receiving:
        raise ZfsSaysError(f"cannot receive: {words.BUSY}")
    if node.partial is None:
        raise ZfsSaysError(words.NOTHING_TO_ABORT.format(name=name))
    if node.snapshots:
        node.partial = None
    else:
        del pools.nodes[name]


def _has(node: Node, guid: int) -> bool:
    return any(shot.guid == guid for shot in node.snapshots)


def _title(begin: Begin) -> str:
    if begin.resumed:
        return "resume"
    return "new filesystem" if begin.from_guid is None else "incremental"
