"""Makes a stylesheet as large and as varied as that of a CSS framework."""

from __future__ import annotations

_BREAKPOINTS = {"": 0, "-sm": 576, "-md": 768, "-lg": 992, "-xl": 1200}
_SIDES = {"t": "top", "e": "right", "b": "bottom", "s": "left"}
_COLOURS = {"primary": "#0d6efd", "success": "#198754", "danger": "#dc3545", "muted": "#6c757d"}

_BASE = """
*,*::before,*::after{box-sizing:border-box}
:root{--fw-font:"DejaVu Sans",sans-serif;--fw-gutter:12px;--fw-border:#dee2e6;--fw-radius:.375rem}
body{margin:0;font-family:var(--fw-font);font-size:1rem;line-height:1.5;-webkit-text-size-adjust:100%}
h1,.h1{font-size:calc(1.375rem + 1.5vw);margin:0 0 .5rem}
table{caption-side:bottom;border-collapse:collapse}.table{width:100%;margin-bottom:1rem}
.table>:not(caption)>*>*{padding:.5rem .5rem;border-bottom:var(--fw-width, 1px) solid var(--fw-border)}
.btn:hover:not(:disabled){color:var(--fw-missing);transition:color .15s ease-in-out}
.card{display:flex;border:1px solid var(--fw-border);border-radius:var(--fw-radius);margin:var(--fw-nothing)}
@page{margin:18mm 15mm;@bottom-right{content:counter(page) "/" counter(pages)}}
@page :first{margin-top:25mm}
@media screen{body{background:pink}}
@media print{.no-print{display:none!important}a{text-decoration:underline dotted}}
@keyframes spin{to{transform:rotate(1turn)}}
@supports (display:grid){.grid{display:grid}}
"""


def framework_stylesheet(repeat: int = 1) -> str:
    """Returns about 45 KB for each `repeat`."""
    return _BASE + "\n".join(_utilities(number) for number in range(repeat))


def _utilities(number: int) -> str:
    prefix = "" if number == 0 else f"v{number}-"
    rules = []
    for infix, width in _BREAKPOINTS.items():
        group = [
            f".{prefix}col{infix}-{n}{{flex:0 0 auto;width:calc(100% / 12 * {n});padding:0 var(--fw-gutter)}}"
            for n in range(1, 13)
        ]
        for step in range(8):
            for short, side in _SIDES.items():
                group.append(f".{prefix}m{short}{infix}-{step}{{margin-{side}:{step * 0.25}rem!important}}")
                group.append(f".{prefix}p{short}{infix}-{step}{{padding-{side}:{step * 0.25}rem!important}}")
        rules += group if not width else [f"@media (min-width:{width}px){{{''.join(group)}}}"]
    for name, colour in _COLOURS.items():
        rules += [
            f".{prefix}btn-{name}{{--fw-tone:{colour};color:#fff;background-color:var(--fw-tone);"
            f"border:var(--fw-edge,1px) solid var(--fw-tone)}}",
            f".{prefix}text-{name}{{color:{colour}!important}}",
            f".{prefix}alert-{name}>p:first-child::before{{content:'{name}: ';color:{colour}}}",
        ]
    rules += [f".{prefix}utility-{n}{{order:{n % 7};opacity:.{n % 9 + 1}}}" for n in range(400)]
    return "\n".join(rules)
