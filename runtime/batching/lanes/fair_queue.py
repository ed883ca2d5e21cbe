"""FairQueue: requests of one priority; the client that has used the model least is next."""

from collections import Counter, deque
from collections.abc import Hashable, Iterator
from heapq import heappop, heappush, heapreplace
from itertools import count

from ..request import Request
from .ledger import Ledger

RECENT = 1 / 8  # share of a batch in what is known of the batches


class FairQueue:
    """Requests by client, each client's oldest first.

    If clients are not distinguished, this is a plain queue.
    """

    __slots__ = (
        "_by_client", "_fair", "_heap", "_ledger", "_rows", "_tie", "priority", "rows", "served",
        "share",
    )  # fmt: skip

    def __init__(self, priority: int, ledger: Ledger, *, fair: bool) -> None:
        self.priority = priority
        self.rows = 0  # not yet taken by a batch
        self.served = 0.0  # seconds, when a batch took some last
        self.share = 1.0  # of late batches that was there for it while it had rows
        self._fair = fair
        self._ledger = ledger  # of all queues in front of the model
        self._by_client: dict[Hashable, deque[Request]] = {}
        self._rows: Counter[Hashable] = Counter()  # that wait, by client
        self._heap: list[tuple[float, int, Hashable]] = []  # what each client had had, at the time
        self._tie = count()

    def __iter__(self) -> Iterator[Request]:
        """The requests that wait, in no order."""
        return (request for queue in self._by_client.values() for request in queue)

    def client(self, request: Request) -> Hashable:
        """The client whose share `request` counts against."""
        return request.client if self._fair else None

    def rows_of(self, client: Hashable) -> int:
        """Rows of one client that wait."""
        return self._rows[client]

    def ahead(self, request: Request) -> int:
        """The estimated number of rows ahead of `request`; with n clients its share is 1/n."""
        if not self._fair:
            return self.rows
        client = self.client(request)
        others = len(self._by_client) - (client in self._by_client)
        own = self.rows_of(client)
        return min(self.rows, own + others * (own + request.rows))

    def push(self, request: Request) -> None:
        """Queue `request`."""
        client = self.client(request)
        self._ledger.came(client)
        queue = self._by_client.get(client)
        if queue is None:
            queue = self._by_client[client] = deque()
            heappush(self._heap, (self._ledger[client], next(self._tie), client))
        queue.append(request)
        self._count(client, request.rows)

    @property
    def head(self) -> Request | None:
        """The next request."""
        while self._heap:
            spent, _, client = self._heap[0]
            queue = self._by_client.get(client)
            if not queue:
                heappop(self._heap)
                self._by_client.pop(client, None)
            elif self._ledger[client] > spent:  # it has had something since
                heapreplace(self._heap, (self._ledger[client], next(self._tie), client))
            else:
                return queue[0]
        return None

    def pop(self) -> Request:
        """Remove the next request, with all of its rows that are in no batch."""
        queue = self._by_client[self._heap[0][2]]
        request = queue.popleft()
        self._left(request)
        return request

    def serve(self, rows: int, seconds: float, now: float) -> None:
        """Count `rows` of the next request, worth `seconds`, to its client."""
        client = self._heap[0][2]
        self._ledger.charge(client, seconds)
        request = self._by_client[client][0]
        request.taken += rows
        self._count(client, -rows)
        self.served = now

    def offered(self, share: float) -> None:
        """Note that `share` of a batch was there for it, as it had rows."""
        self.share += RECENT * (share - self.share)

    def largest(self) -> Hashable:
        """The client with the most rows among those whose last request is in no batch."""
        clients = [each for each, queue in self._by_client.items() if queue and not queue[-1].taken]
        return max(clients, key=self.rows_of, default=None)

    def evict(self, client: Hashable) -> Request | None:
        """Remove the newest request of `client`, unless a batch has some of its rows."""
        queue = self._by_client.get(client)
        if not queue or queue[-1].taken:
            return None
        request = queue.pop()
        self._left(request)
        return request

    def prune(self, now: float) -> list[Request]:
        """Remove all requests that are over or expired."""
        gone: list[Request] = []
        for client, queue in self._by_client.items():
            late = [request for request in queue if request.is_over or request.deadline <= now]
            if late:
                gone += late
                out = set(map(id, late))
                self._by_client[client] = deque(each for each in queue if id(each) not in out)
        for request in gone:
            self._left(request)
        return gone

    def _left(self, request: Request) -> None:
        client = self.client(request)
        self._count(client, request.taken - request.rows)
        self._ledger.left(client)

    def _count(self, client: Hashable, rows: int) -> None:
        self.rows += rows
        self._rows[client] += rows
        if not self._rows[client]:
            del self._rows[client]
