from hypothesis import given
from hypothesis import strategies as st

from vitals import chain

fields = st.lists(st.text(max_size=5) | st.integers(-9, 2**53) | st.none(), max_size=4)


def written(rows):
    head, kept = chain.BEGIN, []
    for row in rows:
        head = chain.link(head, row)
        kept.append((row, head))
    return kept


@given(st.lists(fields, max_size=6))
def test_what_was_written_is_whole(rows):
    kept = written(rows)
    assert chain.broken(kept) is None
    assert all(chain.broken(kept, head) is None for _, head in kept)


@given(st.lists(fields, min_size=1, max_size=6), st.data())
def test_a_row_that_is_changed_removed_or_inserted_is_found(rows, data):
    kept = written(rows)
    place = data.draw(st.integers(0, len(kept) - 1))
    row, digest = kept[place]
    changed = [*kept[:place], ([*row, "x"], digest), *kept[place + 1 :]]
    assert chain.broken(changed) == place + 1
    inserted = [*kept[:place], (["x"], digest), *kept[place:]]
    assert chain.broken(inserted) == place + 1
    if place < len(kept) - 1:
        assert chain.broken([*kept[:place], *kept[place + 1 :]]) == place + 1


@given(st.lists(fields, min_size=1, max_size=6))
def test_rows_taken_off_the_end_are_found_by_the_head_that_was_noted(rows):
    kept = written(rows)
    assert chain.broken(kept[:-1]) is None  # nothing in the file itself can tell
    assert chain.broken(kept[:-1], kept[-1][1]) == len(kept)


def test_fields_are_apart():
    assert chain.link("", ["a", "b"]) != chain.link("", ["ab"])
    assert chain.link("", ["1"]) != chain.link("", [1])
