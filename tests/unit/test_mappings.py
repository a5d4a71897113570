"""Nested maps, merged as Helm merges values."""

from mesh.mappings import deep_merge, leaves


def test_maps_are_merged_key_by_key_and_anything_else_is_replaced() -> None:
    """Lists too, as in Helm; neither of the two maps is changed."""
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    above = {"a": {"y": [3]}, "b": {"z": 1}}
    assert deep_merge(below, above) == {"a": {"x": 1, "y": [3]}, "b": {"z": 1}}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "b": 1}, "the map below was changed"


def test_leaves_are_all_that_is_not_a_map() -> None:
    """Each with its path; an empty map is something that was set."""
    assert dict(leaves({"a": {"x": 1, "y": [1]}, "b": {}})) == {"a.x": 1, "a.y": [1], "b": {}}
