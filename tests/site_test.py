"""The catalogue site: what its pages say, and how it behaves in a browser."""

from __future__ import annotations

import html.parser
import importlib
import pathlib
import shutil
import sys
import urllib.parse

import pytest

from tfds_extra import registry

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE = 15  # Seconds to wait for what should be there at once.
_PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
_DESK = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site_modules(repository):
    """The modules `make_site` and `corpus_page` of docs/site, which is no package."""
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    folder = str(repository / "docs" / "site")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("make_site"), importlib.import_module("corpus_page")
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def site(site_modules, tmp_path_factory) -> pathlib.Path:
    """The site of all corpora."""
    folder = tmp_path_factory.mktemp("site")
    site_modules[0].build(folder, list(registry.names()))
    return folder


class _Page(html.parser.HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.unnamed: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {one for key in ("id", "name") if (one := found.get(key))}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(found["href"])
        elif found.get("src"):
            self.loaded.append(found["src"])
        if tag == "img" and "alt" not in found:
            self.unnamed.append(found["src"])


@pytest.fixture(scope="module")
def pages(site) -> dict[pathlib.Path, _Page]:
    return {path: _Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_each_corpus_and_document_has_a_page(site, repository):
    assert [p.stem for p in sorted((site / "corpora").glob("*.html"))] == list(registry.names())
    for folder, found in (("docs", "reference"), ("docs/tasks", "tasks")):
        for path in (repository / folder).glob("*.md"):
            assert (site / found / f"{path.stem}.html").is_file()


def test_no_dead_link_and_nothing_from_elsewhere(pages):
    dead = []
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link in page.links, f"{path.name} loads {link}"
                assert parts.scheme in ("http", "https", "ftp"), link
                continue
            target = path
            if parts.path:
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            if not target.is_file():
                dead.append((path.name, link))
            elif parts.fragment and target in pages and parts.fragment not in pages[target].ids:
                dead.append((path.name, link))
        assert not page.unnamed, path.name
    assert not dead


def test_page_says_what_the_builder_says(site):
    """In the words of the builder, or of its README."""
    text = (site / "corpora" / "urban_sound_8k.html").read_text(encoding="utf-8")
    builder = registry.builder_cls("urban_sound_8k")()
    for name in builder.info.features:
        assert f"<code>{name}</code>" in text
    for config in builder.BUILDER_CONFIGS:
        assert f"<code>{config.name}</code>" in text
    for said in (
        "fold1: 873", "street_music", "What is odd, and what becomes of it", "salamon2014",
        "Altered copies of UrbanSound8K.csv circulate", "no builder of this corpus",
        str(builder.download_amount), str(builder.prepared_amount), "UrbanSound8K.tar.gz",
    ):  # fmt: skip
        assert said in text, said
    text = (site / "corpora" / "free_spoken_digit.html").read_text(encoding="utf-8")
    assert "int64 ? there, int16 ? here" in text  # Of the audio of the standard `spoken_digit`.
    text = (site / "corpora" / "voxceleb_extended.html").read_text(encoding="utf-8")
    assert "by hand" in text


# ------------------------------------------------------------------------------------- the browser


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium with its chromedriver: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    # The sandbox does not work for root, nor does shared memory in small containers.
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    found = webdriver.Chrome(options=options, service=service)
    yield found
    found.quit()


@pytest.fixture
def visit(browser, site):
    """Opens a page from the disk at a size of the screen; in the end there is no error."""

    def go(page: str, screen=_DESK):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get((site / page).as_uri())
        return browser

    yield go
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def _until(browser, script: str, *arguments):
    """Waits until a script gives something, and returns it."""
    from selenium.webdriver.support.ui import WebDriverWait

    found = WebDriverWait(browser, _PATIENCE, poll_frequency=0.05)
    return found.until(lambda b: b.execute_script(f"return {script}", *arguments), script)


def _shown(browser) -> list[str]:
    """The builders that the overview shows."""
    links = "[...document.querySelectorAll('.corpus .name')].filter(e => e.checkVisibility())"
    hrefs = browser.execute_script(f"return {links}.map(e => e.getAttribute('href'))")
    return [pathlib.PurePosixPath(href).stem for href in hrefs]


def test_filters(visit):
    from selenium.webdriver.support.ui import Select

    browser = visit("index.html")
    assert _shown(browser) == list(registry.names())

    def choose(field, value):
        Select(browser.find_element("name", field)).select_by_visible_text(value)

    choose("kind", "audio")
    audio = _shown(browser)
    assert "urban_sound_8k" in audio and "qmnist" not in audio
    choose("licence", "CC BY-SA 4.0")
    assert _shown(browser) == ["free_spoken_digit"]
    choose("size", "over 10 GiB")
    assert _shown(browser) == []
    assert "No corpus" in browser.find_element("id", "catalogue-count").text
    browser.find_element("css selector", "#catalogue-filters button").click()
    _until(browser, "document.querySelectorAll('.corpus:not([hidden])').length === 20")
    choose("task", "question answering")
    assert _shown(browser) == ["vqa"]
    choose("task", "any")
    browser.find_element("name", "words").send_keys("newsgroups")
    assert _shown(browser) == ["twenty_newsgroups"]
    browser.find_element("partial link text", "Twenty").click()
    assert browser.find_element("tag name", "h1").text.startswith("Twenty Newsgroups")


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("group_spans_folds", "urban_sound_8k"),  # A feature.
        ("jackhammer", "urban_sound_8k"),  # A class.
    ],
)
def test_search(visit, words, page):
    browser = visit("index.html")
    field = browser.find_element("css selector", "input[name=query]")
    field.click()
    field.send_keys(words)
    links = "[...document.querySelectorAll('.md-search-result__link')]"
    wanted = f"{links}.find(e => e.href.includes('/corpora/{page}.html'))"
    _until(browser, wanted)
    assert browser.execute_script(f"return {links}[0] === {wanted}")  # The first of all hits.
    browser.execute_script(f"return {wanted}").click()
    _until(browser, f"location.pathname.endsWith('/corpora/{page}.html')")
    assert words in browser.find_element("tag name", "article").text


def test_a_sound_is_played(visit):
    browser = visit("corpora/urban_sound_8k.html")
    sound = browser.find_element("tag name", "audio")
    browser.execute_script("arguments[0].play()", sound)
    assert _until(browser, "arguments[0].currentTime > 0 && arguments[0].duration > 0.5", sound)
    assert browser.execute_script("return arguments[0].error", sound) is None
    assert browser.execute_script("return document.querySelector('figure img').naturalWidth") > 500


def test_pages_fit_a_phone(visit):
    """No page scrolls sideways, every picture is there, and no script fails (see `visit`)."""
    corpora = ("voxceleb_extended", "coco_extended", "twenty_newsgroups", "million_song")
    for page in (
        "index",
        *(f"corpora/{name}" for name in corpora),
        "tasks/train",
        "reference/scaling",
    ):
        browser = visit(f"{page}.html", _PHONE)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, page
        # Those of the overview are loaded when they come into sight.
        broken = "e => e.loading != 'lazy' && !(e.complete && e.naturalWidth)"
        found = browser.execute_script(f"return [...document.images].filter({broken})")
        assert not found, page
    # The menu, which lies behind a button there.
    browser = visit("index.html", _PHONE)
    browser.find_element("css selector", "label.md-header__button[for=__drawer]").click()
    link = "document.querySelector('.md-sidebar--primary a[href*=corpora]')"
    _until(browser, f"{link}.getBoundingClientRect().left >= 0 && {link}.checkVisibility()")


def test_by_keyboard(visit):
    from selenium.webdriver.common.keys import Keys

    browser = visit("index.html")
    body = browser.find_element("tag name", "body")

    def press(*keys):
        browser.switch_to.active_element.send_keys(*keys)

    def tab_to(wanted: str):
        for _ in range(80):
            press(Keys.TAB)
            if browser.execute_script(
                "return document.activeElement.matches(arguments[0])", wanted
            ):
                return
        raise AssertionError(f"no Tab leads to {wanted}")

    # The first Tab offers to skip the navigation.
    body.send_keys(Keys.TAB)
    assert "md-skip" in browser.switch_to.active_element.get_attribute("class")
    tab_to("select[name=kind]")
    press("audio")
    _until(browser, "document.querySelectorAll('.corpus:not([hidden])').length < 20")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(f"return {outline}") != "none"
    tab_to(".corpus .name")
    press(Keys.ENTER)
    _until(browser, "location.pathname.includes('/corpora/')")
    # A slash goes to the search, Escape leaves it.
    browser.find_element("tag name", "body").send_keys("/")
    _until(browser, "document.activeElement.name === 'query'")
    press("label_error")
    _until(browser, "document.querySelector('.md-search-result__link')")
    press(Keys.ESCAPE)
    _until(browser, "document.activeElement.name !== 'query'")


# -------------------------------------------------------------------------------- the lines to copy


@pytest.mark.parametrize("name", ["urban_sound_8k", "qmnist", "wordnet_synsets"])
def test_lines_to_copy(name, site_modules, tmp_path, monkeypatch, capsys):
    """With stand-ins for Grain and PyTorch, which are too large for the tests' environment."""
    import functools
    import types

    import tensorflow_datasets as tfds

    for function in ("load", "data_source"):  # They want two file formats, hence two folders.
        partial = functools.partial(
            getattr(tfds, function),
            data_dir=tmp_path / function,
            builder_kwargs={"miniature": True},
        )
        monkeypatch.setattr(tfds, function, partial)

    class Batches:
        def __init__(self, source, *, batch_size, shuffle, num_workers, collate_fn, **kwargs):
            assert shuffle and num_workers and kwargs == {"multiprocessing_context": "forkserver"}
            size = min(batch_size, len(source))
            self.batches = [collate_fn(source.__getitems__(list(range(size))))]

        def __iter__(self):
            return iter(self.batches)

    class MapDataset(list):
        source = classmethod(lambda cls, source: cls(source[i] for i in range(len(source))))

        def shuffle(self, seed):
            return self

        def to_iter_dataset(self):
            return self

    modules = {
        "torch": {}, "torch.utils": {}, "torch.utils.data": {"DataLoader": Batches},
        "grain": {"MapDataset": MapDataset},
    }  # fmt: skip
    for module, names in modules.items():
        monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**names))
    lines = site_modules[1].load_lines(registry.builder_cls(name)())
    assert list(lines) == ["Keras", "JAX", "PyTorch"]
    feature = next(iter(registry.builder_cls(name)().info.features))
    for framework, code in lines.items():
        exec(compile(code, framework, "exec"), {"__name__": "__main__"})
        said = capsys.readouterr().out.splitlines()[-1]
        assert said.startswith("(") if said[0] == "(" else feature in said, (framework, said)
