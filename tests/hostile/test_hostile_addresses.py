"""Server-side request forgery: whatever an adapter's setting, a callback or a `jwks_uri` says, nothing is dialled that
the rules do not permit. Threats 13, 14 and 32."""

import asyncio
import ssl
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hostile_outside import certified, tls_server

from adapters.kit.callback import CallbackAdapter
from adapters.kit.contract import AgencyUnavailable
from adapters.kit.dci_wire import CLEAR
from adapters.kit.egress import BadListing, Dialler, Limits, NotAllowed

ONCE = Limits(attempts=1, timeout_s=3)
TLS = ssl.create_default_context()  # reading the machine's authorities takes longer than a test
LISTED = "agency.internal:8443"

NOT_URLS = [
    "https://user@agency.example/",
    "https://@agency.example/",
    "https://agency.example@127.0.0.1/",
    "https://agency.internal:8443@127.0.0.1/",
    "https://agency.example:443:8443/",
    "https://agency.example:0/",
    "https://agency.example:-1/",
    "https://agency.example:65536/",
    "https://agency.example:８４４３/",
    "https://agency.example:22/",
    "https://agency.example:6379/",
    "https://agency.example./",
    "https://agency..example/",
    "https://.agency.example/",
    "https://-agency.example/",
    "https://agency_1.example/",
    "https://agency.example\\@127.0.0.1/",
    "https://agency.example\\.internal/",
    "https:\\\\agency.example/",
    "https:/agency.example/",
    "https:agency.example",
    "//agency.example/",
    "agency.example",
    "https://agency.exa mple/",
    "https://agency.exa\tmple/",
    "https://agency.example\r\nHost: 127.0.0.1/",
    "https://agency.example\x00.internal/",
    " https://agency.example/",
    "https://agency.example/%",
    "https://agency.example/{path}",
    "https://agency.example/#@127.0.0.1/",
    "https://agency.example#/",
    "https://%31%32%37.0.0.1/",
    "https://agency%2eexample/",
    "https://*/",
    "https:///",
    "https://",
    "https://[/",
    "https://[::1/",
    "https://::1/",
    "http://agency.example/",
    "HTTP://agency.example/",
    "ftp://agency.internal:8443/",
    "gopher://agency.internal:8443/",
    "file:///etc/passwd",
    "file://agency.internal:8443/etc/passwd",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "data:text/plain,x",
    "jar:https://agency.example!/",
    "https://agency.example/" + "a" * 2048,
    "",
]
OTHER_SPELLINGS = [
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "127.0.0.01",
    "0127.0.0.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[::1%25eth0]",
    "[::1%eth0]",
    "[fe80::1%1]",
    "[0000::1]",
    "[v1.x]",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "ｌｏｃａｌｈｏｓｔ",
    "agencу.example",  # a Cyrillic letter
    "straße.example",
    "xn--agenc-5ve.example",
    "xn--.example",
    "agency.0",
    "agency.0x10",
    "AGENCY.EXAMPLE.",
    "localhost.",
    "a" * 64 + ".example",
    ".".join(["a" * 60] * 5),
]
LITERALS = [
    "127.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.0.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::7f00:1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[100::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[2620:4f:8000::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
]


@pytest.mark.parametrize("url", NOT_URLS)
def test_what_two_readers_may_read_differently_is_no_url(url: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        Dialler({LISTED}, TLS).check_url(url)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize("host", OTHER_SPELLINGS)
def test_a_host_has_one_spelling(host: str) -> None:
    with pytest.raises(NotAllowed):
        Dialler(tls=TLS).check_url(f"https://{host}/")


@pytest.mark.parametrize("host", LITERALS)
async def test_an_address_of_no_public_network_is_never_dialled(host: str, world: object) -> None:
    dialler = Dialler(tls=TLS)
    with pytest.raises(NotAllowed):
        await dialler.http(f"https://{host}/", ONCE).request("GET", "/")
    with pytest.raises(NotAllowed):
        await dialler.connect(host.strip("[]"), 22)
    await dialler.close()
    assert world.dialled == []


@pytest.mark.parametrize("host", [*OTHER_SPELLINGS, *LITERALS])
async def test_a_callback_to_a_forbidden_place_sends_nothing(host: str, world: object) -> None:
    dialler = Dialler(tls=TLS)
    try:
        receiver = CallbackAdapter("LK.X", f"https://{host}/in", "LK.Y", dialler, CLEAR)
        with pytest.raises(NotAllowed):
            await receiver.send("notify", {}, message_id="m1")
    except NotAllowed:
        assert world.dialled == []
    finally:
        await dialler.close()
    assert world.dialled == []


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["1.1.1.1", "8.8.8.8", "169.254.169.254"],
        ["2606:4700:4700::1111", "::1"],
        ["1.1.1.1", "::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        ["fe80::1%eth0"],
        ["0.0.0.0"],
    ],
)
async def test_one_forbidden_answer_among_good_ones_is_enough(answers: list[str], world: object) -> None:
    world.says("agency.example", answers)
    dialler = Dialler(tls=TLS)
    with pytest.raises(NotAllowed):
        await dialler.http("https://agency.example/", ONCE).request("GET", "/")
    with pytest.raises(NotAllowed):
        await dialler.connect("agency.example", 22)
    await dialler.close()
    assert world.dialled == []


async def test_the_name_is_asked_once_and_the_vetted_address_is_dialled(world: object) -> None:
    world.says("agency.example", ["1.1.1.1"], ["127.0.0.1"])
    dialler = Dialler(tls=TLS)
    with pytest.raises(AgencyUnavailable, match="cannot connect"):
        await dialler.http("https://agency.example/", ONCE).request("GET", "/")
    assert (world.asked, world.dialled) == (["agency.example"], [("1.1.1.1", 443)])
    await dialler.close()


@pytest.mark.parametrize("turn", [2, 3])
async def test_a_name_that_changes_its_mind_is_refused_at_each_new_connection(turn: int, world: object) -> None:
    world.says("agency.example", *[["1.1.1.1"]] * (turn - 1), ["127.0.0.1"])
    dialler = Dialler(tls=TLS)
    http = dialler.http("https://agency.example/", ONCE)
    for _ in range(turn - 1):
        with pytest.raises(AgencyUnavailable, match="cannot connect"):
            await http.request("GET", "/")
    for _ in range(2):
        with pytest.raises(NotAllowed):
            await http.request("GET", "/")
    await dialler.close()
    assert world.dialled == [("1.1.1.1", 443)] * (turn - 1)


@pytest.mark.parametrize(
    ("address", "dialled"),
    [
        ("10.1.2.3", True),
        ("172.20.0.9", True),
        ("fd12::7", True),
        ("1.1.1.1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("100.100.100.200", False),
        ("fd00:ec2::254", False),
        ("::ffff:10.1.2.3", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
    ],
)
async def test_a_listed_name_may_be_private_but_never_this_machine_or_a_cloud_s_metadata(
    address: str, dialled: bool, world: object
) -> None:
    world.says("agency.internal", [address])
    dialler = Dialler({LISTED}, TLS)
    with pytest.raises(AgencyUnavailable) as caught:
        await dialler.http("http://agency.internal:8443", ONCE).request("GET", "/")
    await dialler.close()
    assert world.dialled == ([(address, 8443)] if dialled else [])
    assert isinstance(caught.value, NotAllowed) is not dialled


async def test_a_listing_is_for_one_port_only(world: object) -> None:
    world.says("agency.internal", ["10.1.2.3"])
    dialler = Dialler({LISTED}, TLS)
    for url in ("http://agency.internal/", "https://agency.internal:8444/", "http://agency.internal:80/"):
        with pytest.raises(NotAllowed):
            dialler.http(url)
    with pytest.raises(NotAllowed):
        await dialler.http("https://agency.internal/", ONCE).request("GET", "/")
    assert world.dialled == []
    await dialler.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_what_is_listed_as_this_machine_leads_to_it_and_nowhere_else(name: str, world: object) -> None:
    world.says("localhost", ["127.0.0.1"], ["10.0.0.1"])
    dialler = Dialler({f"{name}:9"})
    http = dialler.http(f"http://{name}:9", ONCE)
    with pytest.raises(AgencyUnavailable, match="cannot connect"):
        await http.request("GET", "/")
    assert world.dialled == [("127.0.0.1", 9)]
    with pytest.raises(AgencyUnavailable):
        await http.request("GET", "/")
    assert {address for address, _ in world.dialled} == {"127.0.0.1"}
    await dialler.close()


@pytest.mark.parametrize(
    "entry",
    ["agency.internal", ":1", "agency.internal:0", "agency.internal:x", "127.1:1", "::1:1", "http://a:1", "a b:1"],
)
def test_an_entry_of_the_allow_list_that_means_nothing_stops_the_start(entry: str) -> None:
    with pytest.raises(BadListing, match="host:port"):
        Dialler({entry})


async def test_no_spelling_of_this_machine_reaches_a_server_that_really_listens(canary: object) -> None:
    decimal = int(IPv4Address("127.0.0.1"))
    hosts = ["127.0.0.1", "localhost", "127.1", str(decimal), hex(decimal), "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
    dialler = Dialler({LISTED}, TLS)
    for host in hosts:
        for scheme in ("http", "https"):
            with pytest.raises(AgencyUnavailable):
                await dialler.http(f"{scheme}://{host}:{canary.port}/", ONCE).request("GET", "/")
        with pytest.raises(AgencyUnavailable):
            await dialler.connect(host.strip("[]"), canary.port)
    await dialler.close()
    await asyncio.sleep(0.05)
    assert canary.hits == 0


async def test_tls_names_the_host_that_was_asked_for_and_checks_it(tmp_path: Path) -> None:
    authority, served = certified(tmp_path, "localhost")
    async with tls_server(served) as (port, seen):
        trusting = ssl.create_default_context(cafile=str(authority))
        dialler = Dialler({f"localhost:{port}", f"127.0.0.1:{port}"}, trusting)
        doubting = Dialler({f"localhost:{port}"})
        answer = await dialler.http(f"https://localhost:{port}", ONCE).request("GET", "/")
        with pytest.raises(AgencyUnavailable):  # the certificate is not for the address
            await dialler.http(f"https://127.0.0.1:{port}", ONCE).request("GET", "/")
        with pytest.raises(AgencyUnavailable):  # and nobody vouches for it here
            await doubting.http(f"https://localhost:{port}", ONCE).request("GET", "/")
        await dialler.close()
        await doubting.close()
    assert (answer.status, seen[0]) == (200, ("localhost", f"localhost:{port}"))
