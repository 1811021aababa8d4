"""A comment's HTML as people read it, and what is ours in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.planfix.markup import shown
from connectors.planfix.texts import clean, comment_html, mark


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>раз</p><p>два<br>три</p>", "раз\nдва\nтри"),
        ("<p>a\nb&nbsp;&amp; &lt;c&gt;</p>", "a b & <c>"),
        ("<ul><li>раз</li><li>два</li></ul>далі", "• раз\n• два\nдалі"),
        ('<a href="https://example.test/a">тут</a>!', "тут (https://example.test/a)!"),
        ('<a href="https://example.test/a/">example.test/a</a>', "example.test/a"),
        ('<a href="mailto:i@example.test">i@example.test</a>', "i@example.test"),
        ('<a href="https://example.test/x"></a>', "https://example.test/x"),
        ('<a href="javascript:alert(1)">тут</a>', "тут"),
        ('фото <img src="https://example.test/1.png">', "фото https://example.test/1.png"),
        ("<style>p{}</style><script>x()</script>видно", "видно"),
        ("#партнеру <b>курс</b> 41", "#партнеру курс 41"),
        ("2 < 3 and <", "2 < 3 and <"),
        ("", ""),
    ],
)
def test_what_people_see(markup, text):
    assert shown(markup) == (text, "")


def test_our_mark_is_taken_off_and_told():
    assert shown(comment_html("курс\n41", "k-1")) == ("курс\n41", mark("k-1"))
    assert shown(f"<p>раз № {mark('k')} два</p>") == (f"раз № {mark('k')} два", ""), "only at the very end"
    assert shown(comment_html("", "k")) == ("", mark("k"))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_what_we_write_is_read_as_it_was(text):
    seen, ours = shown(comment_html(text, "k"))
    assert ours == mark("k")
    assert seen.split() == clean(text).split()
