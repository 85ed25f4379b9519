"""The summary as one HTML file: pictures inside, no script, nothing fetched, every text escaped."""

import base64
from html import escape

from training.measure.summary_content import Block, Callout, Document, Picture, Text
from training.measure.summary_tables import Table

_STYLE = """
:root { --ink: #1d2733; --soft: #65717f; --line: #e3e7ec; --accent: #00868b; --wash: #f6f8fa; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink);
       font: 15px/1.55 Roboto, "Segoe UI", system-ui, sans-serif; }
main { max-width: 60rem; margin: 2rem auto; padding: 2.5rem 3rem; background: #fff;
       border: 1px solid var(--line); border-radius: 10px; }
h1 { margin: 0 0 .3rem; font-size: 1.75rem; font-weight: 600; letter-spacing: -.01em; }
h2 { margin: 2.6rem 0 .8rem; padding-top: 1.2rem; border-top: 1px solid var(--line);
     font-size: 1.15rem; font-weight: 600; }
p { margin: .6rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.lead { color: var(--soft); }
dl { display: grid; grid-template-columns: 10rem 1fr; gap: .25rem 1rem; margin: 1.4rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin: .9rem 0 1.4rem; font-size: .9rem;
        font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { padding: .38rem .7rem .38rem 0; text-align: left; border-bottom: 1px solid var(--line);
         vertical-align: top; overflow-wrap: anywhere; }
thead th { font-weight: 600; border-bottom: 1.5px solid var(--ink); }
tbody th { font-weight: 400; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .88rem; margin-bottom: .3rem; }
.callout { margin: .7rem 0; padding: .7rem 1rem; border-left: 4px solid var(--soft);
           background: var(--wash); border-radius: 0 6px 6px 0; }
.callout b { text-transform: uppercase; font-size: .72rem; letter-spacing: .06em; }
.callout ul { margin: .3rem 0 0; padding-left: 1.1rem; color: var(--soft); font-size: .88rem; }
.callout p { margin: .15rem 0; }
.good { border-color: #3a9a5b; } .warning { border-color: #d97706; }
.red, .blocks { border-color: #c0262d; background: #fdf3f3; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line);
         color: var(--soft); font-weight: 600; }
@media print { body { background: #fff; } main { border: 0; margin: 0; padding: 0; } }
@media (max-width: 46rem) { main { padding: 1.2rem; margin: 0; border: 0; }
                            dl { grid-template-columns: 1fr; } }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def as_html(document: Document) -> str:
    """The whole page."""
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in document.facts
    )
    sections = "".join(
        f"<section><h2>{escape(one.title)}</h2>{''.join(map(_block, one.blocks))}</section>"
        for one in document.sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(document.title)}</h1><p class="lead">{escape(document.lead)}</p>'
        f"<dl>{facts}</dl>{sections}<footer>{escape(document.notice)}</footer>"
        "</main></body></html>\n"
    )


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Picture):
        data = base64.b64encode(block.path.read_bytes()).decode()
        words = escape(block.caption)
        return (
            f"<figure><figcaption>{words}</figcaption>"
            f'<img alt="{words}" src="data:image/png;base64,{data}"></figure>'
        )
    if isinstance(block, Callout):
        return _callout(block)
    return _table(block)


def _callout(one: Callout) -> str:
    kind = one.level.partition(" ")[0]
    details = "".join(f"<li>{escape(line)}</li>" for line in one.details)
    return (
        f'<div class="callout {escape(kind)}"><b>{escape(one.level)}</b><p>{escape(one.text)}</p>'
        + (f"<p>{escape(one.advice)}</p>" if one.advice else "")
        + (f"<ul>{details}</ul>" if details else "")
        + "</div>"
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(table.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
