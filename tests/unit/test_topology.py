"""Who sees whom."""

from mesh.topology import Link, links


def test_each_cluster_sees_all_others() -> None:
    """Ordered pairs, none with itself."""
    assert links(["a", "b", "c"]) == (
        Link(reader="a", target="b"),
        Link(reader="a", target="c"),
        Link(reader="b", target="a"),
        Link(reader="b", target="c"),
        Link(reader="c", target="a"),
        Link(reader="c", target="b"),
    )


def test_each_cluster_sees_the_peers_in_other_stacks() -> None:
    """What the peers see is declared where they are."""
    assert [link.name for link in links(["a", "b"], ["x"])] == [
        "a-sees-b",
        "a-sees-x",
        "b-sees-a",
        "b-sees-x",
    ]


def test_a_cluster_alone_has_no_links() -> None:
    """A mesh may begin with one."""
    assert links(["a"]) == ()


def test_a_link_is_named_by_who_sees_whom() -> None:
    """The logical name of its resources."""
    assert Link(reader="east", target="west").name == "east-sees-west"
