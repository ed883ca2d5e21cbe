"""How the gRPC front comes up, is secured, and ends."""

import asyncio
import datetime as dt
import ipaddress
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import Sums, free_port, wait_until, write_bundle, write_model
from .conftest import SERVICE, Client, Served, answers, grpc, request


class Callers:
    """Threads that ask without end, every other one always on the same connection; whatever is not
    an answer is a failure, but for what is said once nobody is there."""

    def __init__(self, server, count=8):
        self.answered, self.failures = 0, []
        self._server = server
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._ask, args=(5 if number % 2 else sys.maxsize,))
            for number in range(count)
        ]
        for each in self._threads:
            each.start()

    def stop(self):
        self._is_over = True
        for each in self._threads:
            each.join()

    def _ask(self, most):
        while not self._is_over:
            with self._server.channel(("grpc.use_local_subchannel_pool", 1)) as channel:
                client = Client(channel)
                for _ in range(most):
                    if self._is_over:
                        return
                    try:
                        assert answers(client.call("ModelInfer", request([[1, 2]]))) == [3.0]
                        self.answered += 1
                    except grpc.RpcError as error:
                        if not self._is_over:
                            self.failures.append((error.code().name, error.details()))
                        return


class Flood:
    """Sends calls without waiting for answers, on connections that stay."""

    def __init__(self, server, connections=4):
        self.failures, self.answered = [], 0
        self._channels = [
            server.channel(("grpc.use_local_subchannel_pool", 1)) for _ in range(connections)
        ]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def stop(self):
        self._is_over.set()
        self._thread.join()
        for each in self._channels:
            each.close()

    def _send(self):
        methods = [each.unary_unary(f"{SERVICE}/ModelInfer") for each in self._channels]
        data, sent = request([[1, 2]]).SerializeToString(), []
        while not self._is_over.wait(0.003):
            sent += [each.future(data, timeout=60) for each in methods]
            while len(sent) > 400:
                self._check(sent.pop(0))
        for each in sent:
            self._check(each)

    def _check(self, call):
        error = call.exception()
        if error is None:
            self.answered += 1
        else:
            self.failures.append((error.code().name, error.details()))


class Held(Sums):
    """Is loaded once a file is there."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (_once, (self.path, Sums))


def _once(path, cls):
    from pathlib import Path

    while not Path(path).exists():
        time.sleep(0.02)
    return cls()


def test_sigterm_loses_no_call_that_has_come(started):
    """What runs is answered; whoever comes later is refused, not hung."""
    server = started()
    with server.channel() as channel:
        client = Client(channel)
        client.call("ModelInfer", request([[1, 2]]))
        asked = channel.unary_unary(f"{SERVICE}/ModelInfer")
        data = request([[-6, 2]]).SerializeToString()
        futures = [asked.future(data) for _ in range(8)]
        wait_until(lambda: server.in_flight() == 8)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.get("/readyz").status_code == 503)
        server.gate.touch()
        told = pool()["inference.ModelInferResponse"].FromString
        assert all(answers(told(each.result(timeout=90))) == [-4.0] for each in futures)
    assert server.process.wait(90) == 0
    assert "Traceback" not in server.log()
    with server.channel() as channel:
        assert Client(channel).refused("ModelInfer", request([[1, 2]]))[0] == "UNAVAILABLE"


@pytest.mark.parametrize("kind", [Callers, Flood])
def test_a_restart_loses_no_call(started, kind):
    """SIGHUP: other processes take the port over, callers go on, on old and new connections."""
    server = started("--workers=2")
    callers = kind(server)
    try:
        wait_until(lambda: callers.answered > 50 or callers.failures)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "The new processes serve" in server.log() or callers.failures)
        now = callers.answered
        wait_until(lambda: callers.answered > now + 100 or callers.failures)
    finally:
        callers.stop()
    assert not callers.failures


def test_several_processes_share_the_port(started):
    """The kernel hands connections to each of them."""
    server = started("--workers=2")

    def asked():
        """How many calls each has answered, with ten more on connections of their own."""
        for _ in range(10):
            with server.channel(("grpc.use_local_subchannel_pool", 1)) as channel:
                assert answers(Client(channel).call("ModelInfer", request([[1, 2]]))) == [3.0]
        with server.client() as http:
            lines = http.get("/metrics").text.splitlines()
        own = [line for line in lines if line.startswith("bundle_worker_requests_total")]
        return [float(line.rpartition(" ")[2]) for line in own]

    wait_until(lambda: len([count for count in asked() if count > 3]) == 2)


def test_while_it_loads_it_says_so(servers, tmp_path):
    """NOT_SERVING, not ready, UNAVAILABLE with words and when to come back; then all is well."""
    held = tmp_path / "held"
    write_model(tmp_path / "models" / "sums", Held(str(held)))
    bundle = write_bundle(tmp_path, serve={"dialects": ["native", "grpc"], "workers": 1})
    port = free_port()
    running = servers.start(bundle, f"--grpc-port={port}", wait=False)
    server = Served(**vars(running), grpc_port=port)
    with server.channel() as channel:
        client = Client(channel)
        asked = pool()["grpc.health.v1.HealthCheckRequest"]()
        told = client.call("/grpc.health.v1.Health/Check", asked, wait_for_ready=True)
        assert told.status == 2
        assert client.call("ServerLive").live
        assert not client.call("ServerReady").ready
        with pytest.raises(grpc.RpcError) as found:
            client.call("ModelInfer", request([[1, 2]]))
        assert found.value.code() is grpc.StatusCode.UNAVAILABLE
        assert found.value.details().endswith("Try again in 1 s.")
        metadata = dict(found.value.trailing_metadata())
        assert metadata["grpc-retry-pushback-ms"] == "1000"
        status = pool()["google.rpc.Status"].FromString(metadata["grpc-status-details-bin"])
        info = pool()["google.rpc.RetryInfo"].FromString(status.details[0].value)
        assert info.retry_delay.seconds == 1
        held.touch()
        servers.await_ready(server)
        assert answers(client.call("ModelInfer", request([[1, 2]]))) == [3.0]


def test_a_taken_port_is_said_before_anything_is_loaded(servers, sums):
    """Also where whoever has it would share it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        bundle = sums(dialects=["native", "grpc"])
        server = servers.start(bundle, f"--grpc-port={port}", wait=False)
        assert server.process.wait(90) == 1
    assert f"gRPC cannot listen on 127.0.0.1 port {port}" in server.log()
    assert "--grpc-port" in server.log()


def test_any_free_port_is_told(servers, sums):
    """Port 0: the log says which it became."""
    server = servers.start(sums(dialects=["native", "grpc"]), "--grpc-port=0")
    port = int(server.log().partition("gRPC on 127.0.0.1:")[2].partition(" ")[0])
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert Client(channel).call("ServerReady").ready


def test_a_missing_library_is_one_sentence(sums):
    """With the command that mends it."""
    bundle = sums(dialects=["native", "grpc"])
    hide = (
        "import sys; sys.modules['grpc'] = None; sys.argv[0] = 'x'\n"
        "from modelbundle.runtime.server import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide, bundle, "--port=0", "--trust"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "error: `serve.dialects` has `grpc`, and its library is not installed" in done.stderr
    assert "hint: Install it with `pip install 'modelbundle[grpc]'`." in done.stderr
    assert "Traceback" not in done.stderr


def test_without_it_grpc_is_not_imported(server, servers, sums):
    """Nor is there a port."""
    quiet = servers.start(sums())
    assert "gRPC" not in quiet.log()
    assert "cygrpc" not in _maps(quiet.process.pid)
    assert "cygrpc" in _maps(server.process.pid)


def _maps(pid):
    """What a process and its children have loaded."""
    pids, found = [pid], ""
    for each in pids:
        home = Path("/proc", str(each))
        found += (home / "maps").read_text()
        for task in (home / "task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return found


# --- TLS ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and a certificate of it for 127.0.0.1 and for a client; paths by name."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    directory = tmp_path_factory.mktemp("tls")
    now = dt.datetime.now(dt.UTC)

    def make(name, signer=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer, signing = signer or (subject, key)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(
                x509.BasicConstraints(ca=signer is None, path_length=None), critical=True
            )
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(signing, hashes.SHA256())
        )
        (directory / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (directory / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return subject, key

    authority = make("ca")
    make("server", authority)
    make("client", authority)
    return directory


def test_tls_and_certificates_of_clients(started, certificates):
    """Who has one is let in, who has none is not, and nobody in the clear."""
    named = {key: str(certificates / name) for key, name in {
        "tls_cert": "server.crt", "tls_key": "server.key", "tls_client_ca": "ca.crt",
    }.items()}  # fmt: skip
    server = started(grpc=named)
    root = (certificates / "ca.crt").read_bytes()
    own = [(certificates / f"client.{kind}").read_bytes() for kind in ("key", "crt")]
    where = f"127.0.0.1:{server.grpc_port}"
    with grpc.secure_channel(where, grpc.ssl_channel_credentials(root, *own)) as channel:
        assert answers(Client(channel).call("ModelInfer", request([[1, 2]]))) == [3.0]
    with grpc.secure_channel(where, grpc.ssl_channel_credentials(root)) as channel:
        assert Client(channel).refused("ServerLive")[0] == "UNAVAILABLE"
    with server.channel() as channel:
        assert Client(channel).refused("ServerLive")[0] == "UNAVAILABLE"


def test_a_certificate_that_is_none_is_said(servers, sums, certificates, tmp_path):
    """Before anything is loaded."""
    named = {"tls_cert": str(certificates / "server.crt"), "tls_key": str(certificates / "ca.key")}
    server = servers.start(sums(dialects=["grpc"], grpc=named), "--grpc-port=0", wait=False)
    assert server.process.wait(90) == 1
    assert "are not a certificate and its key" in server.log()


class Sockets:
    """What it sees at its port, look after look, and what it does there."""

    def __init__(self, port):
        self.port, self.done = port, []
        self.waiting, self.told = [True, True, False], [False, True]
        self.unread = [True, False, False, False]
        self.quiet = lambda: self.done.append("quiet")
        self.are_waiting = lambda: self.waiting.pop(0)
        self.close = lambda: self.done.append((self.waiting, "close"))
        self.tell_clients = lambda: self.told.pop(0)
        self.are_unread = lambda: self.unread.pop(0)


def test_it_ends_once_all_are_let_in_told_and_heard(sums):
    """However long a busy process takes for that."""
    from modelbundle.runtime.grpc.front import Front, GrpcEndpoint
    from modelbundle.runtime.http.app import create_app
    from modelbundle.runtime.plan import Plan

    application = create_app(Plan.read(sums(dialects=["native", "grpc"])))
    sockets = Sockets(free_port())

    async def come_and_go():
        shared, catalog = application.fast_path.shared, application.catalog
        endpoint = GrpcEndpoint("127.0.0.1", sockets.port)
        front = Front(shared, catalog, application.access, None, endpoint)
        await front.listen()
        await front.finish(10, {sockets.port: sockets}.get)
        await front.finish(10, pytest.fail)

    asyncio.run(come_and_go())
    assert sockets.done == ["quiet", ([], "close")]
    assert (sockets.told, sockets.unread) == ([], [])
