"""python -m benchmarks.pages: how soon the trends are ready on a slow phone.

The same page twice in one run, turn by turn, from the same server: with our script and
uPlot, and with ECharts drawing the same points (fetched from npm for this run only).
Phone of 390x844, CPU four times slower, 4 Mbit/s, 50 ms, nothing cached.
"""

import asyncio
import contextlib
import gzip
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import results
from portal.service import run
from tests.portal.conftest import Place, day
from tests.portal.test_browser import PHONE, browser
from vitals import clock, config

ECHARTS = "echarts@6.1.0"
ROUNDS = 7
SLOW = {"offline": False, "latency": 50, "downloadThroughput": 500_000}
SLOW["uploadThroughput"] = 500_000
READY = "document.querySelector('#stack')?.dataset.ready"
BYTES = (
    "performance.getEntriesByType('resource').concat("
    "performance.getEntriesByType('navigation'))"
    ".reduce((sum, entry) => sum + entry.transferSize, 0)"
)
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
RIVAL = """
const stack = document.getElementById("stack");
const figures = [...stack.querySelectorAll("figure[data-plot]")];
let left = figures.length;
for (const figure of figures) {
  const plot = JSON.parse(figure.dataset.plot);
  const room = document.createElement("div");
  room.style.height = "220px";
  figure.querySelector(".drawn").replaceWith(room);
  const scale = 10 ** (plot.digits + 1);
  const lines = plot.series.flatMap((column, n) => {
    let t = plot.start;
    const rows = column.t.map((step, k) => [(t += step) * 1000,
      ...["min", "mean", "max"].map((name) => column[name][k] / scale)]);
    const line = (place, extra) => ({ type: "line", symbol: "none", stack: extra.stack,
      data: rows.map((row) => [row[0], place(row)]), ...extra });
    return [
      line((row) => row[1], { stack: `band${n}`, lineStyle: { opacity: 0 } }),
      line((row) => row[3] - row[1], { stack: `band${n}`, lineStyle: { opacity: 0 },
        areaStyle: { opacity: 0.2 } }),
      line((row) => row[2], { markLine: { symbol: "none",
        data: plot.targets.flatMap((t) => [t[2], t[3]]).filter((v) => v != null)
          .map((v) => ({ yAxis: v })) } }),
    ];
  });
  const chart = echarts.init(room);
  chart.on("rendered", () => {
    if (!--left) stack.dataset.ready = performance.now().toFixed(0);
  });
  chart.setOption({ animation: false, grid: { left: 46, right: 8, top: 14, bottom: 30 },
    xAxis: { type: "time", min: plot.start * 1000, max: plot.stop * 1000 },
    yAxis: { type: "value", scale: true }, dataZoom: [{ type: "inside" }],
    tooltip: { trigger: "axis" }, series: lines });
}
echarts.connect(figures.map((figure) => echarts.getInstanceByDom(
  figure.querySelector("[_echarts_instance_]"))));
"""


def fetch(folder):
    """Fetch ECharts for this run."""
    pack = ["npm", "pack", "--silent", ECHARTS]
    subprocess.run(pack, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    [archive] = folder.glob("echarts-*.tgz")
    name = "package/dist/echarts.min.js"
    subprocess.run(["tar", "xzf", archive, name], cwd=folder, check=True)
    return (folder / name).read_bytes()


async def rival(url, cookies, echarts):
    """Give an application that serves our page, as we make it, with ECharts in it."""
    headers = {"Accept": "text/html"}
    web = httpx.AsyncClient(base_url=url, cookies=cookies, headers=headers)
    style = re.search(r'/static/vitals.css[^"]*', await _ours(web)).group(0)
    css = (await web.get(style)).text
    kinds = {style.partition("?")[0]: "text/css"}
    kinds |= {"/echarts.js": "text/javascript", "/rival.js": "text/javascript"}
    bodies = dict(zip(kinds, (css, echarts, RIVAL), strict=True))
    # As well prepared as ours: compressed once, at the best level.
    packed = {
        path: gzip.compress(body if isinstance(body, bytes) else body.encode())
        for path, body in bodies.items()
    }

    def route(path):
        async def give(request):
            headers = {"Content-Encoding": "gzip"}
            return Response(packed[path], 200, headers, kinds[path])

        return Route(path, give)

    async def page(request):
        body = gzip.compress((await _ours(web)).encode(), 6)
        # Told of its files as early as ours is.
        early = f"<{style}>; rel=preload; as=style"
        early += ", </echarts.js>; rel=preload; as=script"
        headers = {"Content-Encoding": "gzip", "Link": early}
        return Response(body, 200, headers, "text/html")

    return Starlette(routes=[Route("/page", page), *map(route, kinds)])


async def _ours(web):
    """Give our page with the rival's scripts in the place of ours."""
    text = (await web.get("/patients/p-1/trends?span=7d")).text
    text = re.sub(r'<link rel="(stylesheet" href="/static/uplot|icon)[^>]*>', "", text)
    text = re.sub(r"<script[^>]*></script>", "", text)
    scripts = "".join(
        f'<script src="/{name}.js" defer></script>' for name in ("echarts", "rival")
    )
    return text.replace("</head>", f"{scripts}</head>")


@contextlib.asynccontextmanager
async def served(app):
    """Serve an application on a free port."""
    settings = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(settings)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def visit(tab, url):
    """Load a page anew; give when it was painted, when ready, and its weight."""
    await tab.go(f"{url.partition('?')[0].rsplit('/', 1)[0]}/nowhere")
    await tab.go(url)
    ready = float(await tab.until(READY, 60))
    painted = float(await tab.until(PAINT, 60))  # a browser says so a little later
    return painted, ready, await tab.js(BYTES)


async def measure(url, cookie, other):
    """Visit both, turn by turn."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        async with browser(Path(name)) as tab:
            await tab.size(*PHONE)
            await tab.call(
                "Network.setCookie", name="vitals_session", value=cookie, url=url
            )
            await tab.call("Network.setCacheDisabled", cacheDisabled=True)
            await tab.call("Network.emulateNetworkConditions", **SLOW)
            await tab.call("Emulation.setCPUThrottlingRate", rate=4)
            for n in range(ROUNDS + 1):
                pair = (
                    await visit(tab, f"{url}/patients/p-1/trends?span=7d"),
                    await visit(tab, f"{other}/page"),
                )
                if n:  # the first round warms the servers
                    ours.append(pair[0])
                    theirs.append(pair[1])
    return ours, theirs


def summary(rounds):
    """Give medians."""
    painted, ready, octets = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    return {
        "painted_ms": round(painted),
        "ready_ms": round(ready),
        "kB": round(octets / 1000, 1),
    }


async def main():
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), clock.now)
        place.people.add("wang", "correct horse battery", "patient", "p-1")
        now = clock.now()
        for back in range(7):
            place.store.write(day("p-1", now - back * 86_400_000, hours=6))
        address = asyncio.get_running_loop().create_future()
        async with place.open():
            await place.tell()
            portal = asyncio.create_task(
                run(
                    place.bus,
                    config.Portal(port=0),
                    place.sources,
                    place.metrics,
                    clock.now,
                    address.set_result,
                )
            )
            url = await address
            cookie = place.people.issue_token("wang")
            cookies = {"vitals_session": cookie}
            app = await rival(url, cookies, fetch(Path(name)))
            async with served(app) as other:
                ours, theirs = await measure(url, cookie, other)
            portal.cancel()
            await asyncio.gather(portal, return_exceptions=True)
        place.close()
    found = {"ours": summary(ours), "echarts": summary(theirs), "rounds": ROUNDS}
    found["ratio"] = round(found["ours"]["ready_ms"] / found["echarts"]["ready_ms"], 2)
    print(found)
    results.save("pages", found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
