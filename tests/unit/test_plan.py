"""Which clusters see which."""

from mesh.plan import Link, links


def test_each_cluster_sees_all_others() -> None:
    """Ordered pairs, none with itself."""
    assert links(["a", "b", "c"]) == (
        Link(cluster="a", remote="b"),
        Link(cluster="a", remote="c"),
        Link(cluster="b", remote="a"),
        Link(cluster="b", remote="c"),
        Link(cluster="c", remote="a"),
        Link(cluster="c", remote="b"),
    )


def test_each_cluster_sees_the_peers_in_other_stacks() -> None:
    """The stacks of the peers declare what these see."""
    assert [link.name for link in links(["a", "b"], ["x"])] == [
        "a-sees-b",
        "a-sees-x",
        "b-sees-a",
        "b-sees-x",
    ]


def test_a_cluster_alone_has_no_links() -> None:
    """A mesh may begin with one."""
    assert links(["a"]) == ()
