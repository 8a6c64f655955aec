"""Draw the bitmap icons and the social preview from the one SVG: `python -m tools.draw_icons`."""

from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tools.install_test_programs import chromium

ICONS = Path(__file__).resolve().parents[1] / "static" / "icons"

SIZES = {"favicon.ico": 32, "apple-touch-icon.png": 180, "icon-512.png": 512}

SQUARE = """<body style="margin:0;display:grid;place-items:center;height:100vh;background:{ground}">
<div style="width:{share}%">{svg}</div>"""

SOCIAL = """<body style="margin:0;display:grid;grid-template-columns:1fr 22rem;align-items:center;height:100vh;
padding:0 6rem;box-sizing:border-box;background:#fbfaf6;color:#22262f;font-family:'Noto Sans',sans-serif">
<div><div style="display:flex;align-items:center;gap:1rem;font:700 2rem 'Noto Sans'">
<span style="width:3rem">{svg}</span>Quart Chat</div>
<h1 style="font-size:5rem;line-height:1.05;margin:2rem 0 1rem;letter-spacing:-.02em">Say hello to someone new.</h1>
<p style="font-size:1.75rem;color:#5b6070;margin:0">No account needed.</p></div>
<div style="font-size:1.9rem;line-height:1.4;display:grid;gap:1.25rem">
<span style="background:#fff;padding:1rem 1.5rem;border-radius:2rem 2rem 2rem .5rem;justify-self:start">
Hello 👋</span>
<span style="background:#c3efd2;padding:1rem 1.5rem;border-radius:2rem 2rem .5rem 2rem;justify-self:end">
Hi, how are you?</span>
</div>"""


def main() -> None:
    svg = (ICONS / "favicon.svg").read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for name, size in SIZES.items():
            framed = size > 32
            html = SQUARE.format(svg=svg, share=62 if framed else 100, ground="#fbfaf6" if framed else "transparent")
            draw(browser, name, html, size, size)
        draw(browser, "social.png", SOCIAL.format(svg=svg), 1200, 630)
        browser.close()


def draw(browser: Browser, name: str, html: str, width: int, height: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_content(html)
    png = page.screenshot(omit_background=True, type="png")
    # An .ico may hold a PNG as it is, behind a directory of one entry.
    directory = b"\0\0\1\0\1\0" + bytes((width % 256, height % 256, 0, 0, 1, 0, 32, 0))
    head = directory + len(png).to_bytes(4, "little") + (22).to_bytes(4, "little") if name.endswith(".ico") else b""
    (ICONS / name).write_bytes(head + png)
    page.close()


if __name__ == "__main__":
    main()
