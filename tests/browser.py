"""Pages in a headless Chromium, driven over its DevTools protocol: console messages, sizes, pictures."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tornado.websocket import websocket_connect

from tests.patience import PATIENCE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
MESSAGES = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
"""Events that a person would see in the browser's console."""
LARGEST_ANSWER = 1 << 28


class Page:
    """One tab: what is evaluated in it, and what its console said."""

    def __init__(self, loop, socket):
        self.loop, self.socket, self.console, self._number = loop, socket, [], 0
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        """Send one command and return its result; events that come meanwhile are looked through."""
        return self.loop.run_until_complete(asyncio.wait_for(self._ask(method, parameters), PATIENCE))

    async def _ask(self, method, parameters):
        self._number += 1
        await self.socket.write_message(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            heard = json.loads(await self.socket.read_message())
            if heard.get("method") in MESSAGES:
                self.console.append(heard)
            if heard.get("id") == self._number:
                assert "error" not in heard, heard["error"]
                return heard["result"]

    def open(self, path, width, height=900):
        """Open a file in a window that is `width` CSS pixels wide."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())
        until = time.monotonic() + PATIENCE
        while self.value("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < until, f"{path} was not loaded"
            time.sleep(0.05)

    def value(self, expression):
        """Evaluate JavaScript."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, text=""):
        """Press and release a key."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        keys = {"key": key, "windowsVirtualKeyCode": codes[key], **({"text": text} if text else {})}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **keys)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **keys)

    def picture(self, path):
        """Save a picture of the whole page."""
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def pdf(self, path):
        """Save the page as it is printed on A4."""
        data = self.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False)["data"]
        Path(path).write_bytes(base64.b64decode(data))


@contextmanager
def open_browser():
    """Start Chromium with an empty profile, and give a page in it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"]
        flags += [f"--user-data-dir={profile}", "--disable-dev-shm-usage", "about:blank"]
        process = subprocess.Popen([str(CHROMIUM), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        loop = asyncio.new_event_loop()
        try:
            address = _address(Path(profile, "DevToolsActivePort"), process)
            yield Page(loop, loop.run_until_complete(_connected(address)))
        finally:
            process.terminate()
            process.wait(PATIENCE)
            loop.close()


async def _connected(address):
    return await websocket_connect(address, max_message_size=LARGEST_ANSWER)


def _address(port_file, process):
    """Wait until Chromium listens, and ask it for its tab's address."""
    until = time.monotonic() + PATIENCE
    while not port_file.exists() or not port_file.read_text().strip():
        assert process.poll() is None, "Chromium ended at once"
        assert time.monotonic() < until, "Chromium does not answer"
        time.sleep(0.05)
    port = port_file.read_text().split()[0]
    with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
        return next(tab for tab in json.load(answer) if tab["type"] == "page")["webSocketDebuggerUrl"]
