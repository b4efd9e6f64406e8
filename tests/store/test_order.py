from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.r4 import references_in, target_of, targets_of
from fhir_blina.store.order import in_order, packs
from tests.fake_fhir import ward


def by_key(resources):
    return {key: targets_of(one) for key, one in resources.items()}


def keyed(resources):
    return by_key({f"{one['resourceType']}/{one['id']}": one for one in resources})


def test_a_ward_is_sorted_by_patient():
    order = in_order(keyed(ward(2, "w")))
    assert order.first == [("ResearchStudy/w-study",)]
    assert set(order.patients) == {"Patient/w-P1", "Patient/w-P2"}
    one = [key for unit in order.patients["Patient/w-P1"] for key in unit]
    assert one[0] == "Patient/w-P1"
    assert one.index("Specimen/w-P1-marrow") < one.index("Observation/w-P1-blasts")
    assert order.last == [("Group/w-all",), ("Observation/w-all-rate",)]


def test_who_refers_to_a_patient_elsewhere_is_sent_as_the_patients_own():
    """Not before all others: the server may not have the patient."""
    order = in_order({"Observation/a": ("Patient/elsewhere",), "Observation/b": ("Specimen/elsewhere",)})
    assert order.first == [("Observation/b",)]
    assert order.patients == {"Patient/elsewhere": [("Observation/a",)]}


def test_a_circle_stays_together():
    circle = {
        "Observation/a": {"hasMember": [{"reference": "Observation/b"}]},
        "Observation/b": {"derivedFrom": [{"reference": "Observation/c"}]},
        "Observation/c": {"hasMember": [{"reference": "Observation/a"}]},
        "Observation/d": {"hasMember": [{"reference": "Observation/d"}, {"reference": "Observation/a"}]},
    }
    order = in_order(by_key(circle))
    assert order.first == [("Observation/a", "Observation/b", "Observation/c"), ("Observation/d",)]
    assert [len(level) for level in order.levels] == [1, 1]


def test_a_chain_of_thousands_needs_no_recursion():
    chain = {
        f"Observation/o{n}": {"hasMember": [{"reference": f"Observation/o{n + 1}"}]} for n in range(5000)
    }
    order = in_order(by_key(chain))
    assert order.first[0] == ("Observation/o4999",)
    assert len(order.levels) == 5000


def test_a_version_is_no_part_of_the_target():
    assert target_of("Patient/a/_history/3") == "Patient/a"
    assert [one["reference"] for one in references_in({"a": [{"reference": "X/1"}, {"reference": 7}]})] == [
        "X/1"
    ]


graphs = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=25).map(
        lambda edges: (n, edges)
    )
)


@given(graphs)
def test_what_is_referred_to_comes_first_in_any_graph(graph):
    size, edges = graph
    kind = ["Patient" if number % 3 == 0 else "Observation" for number in range(size)]
    resources = {f"{kind[number]}/n{number}": {"links": []} for number in range(size)}
    for source, target in edges:
        resources[f"{kind[source]}/n{source}"]["links"].append({"reference": f"{kind[target]}/n{target}"})
    order = in_order(by_key(resources))
    units = [*order.first, *(unit for group in order.patients.values() for unit in group), *order.last]
    position = {key: number for number, unit in enumerate(units) for key in unit}
    level = {key: number for number, units in enumerate(order.levels) for unit in units for key in unit}
    assert position.keys() == level.keys() == resources.keys()
    for key, resource in resources.items():
        for link in resource["links"]:
            assert position[link["reference"]] <= position[key]
            assert level[link["reference"]] <= level[key]
    for patient, group in order.patients.items():
        assert any(patient in unit for unit in group)


def test_packs_keep_a_patient_whole():
    groups = [[(f"{letter}{n}",) for n in range(3)] for letter in "abcd"]
    assert [len(pack) for pack in packs(groups, 7)] == [6, 6]
    assert [len(pack) for pack in packs(groups, 1)] == [3, 3, 3, 3]
    assert packs([], 5) == []
