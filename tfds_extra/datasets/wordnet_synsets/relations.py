"""Names of relations, the same for all editions: those of WN-LMF, and `verb_group` of WNDB."""

from __future__ import annotations

# By the symbol of a pointer (wninput(5WN)). WN-LMF calls both "&" and "$" similar.
OF_SYMBOL = {
    "!": "antonym",
    "@": "hypernym",
    "@i": "instance_hypernym",
    "~": "hyponym",
    "~i": "instance_hyponym",
    "#m": "holo_member",
    "#s": "holo_substance",
    "#p": "holo_part",
    "%m": "mero_member",
    "%s": "mero_substance",
    "%p": "mero_part",
    "=": "attribute",
    "+": "derivation",
    ";c": "domain_topic",
    "-c": "has_domain_topic",
    ";r": "domain_region",
    "-r": "has_domain_region",
    ";u": "exemplifies",
    "-u": "is_exemplified_by",
    "*": "entails",
    ">": "causes",
    "^": "also",
    "$": "verb_group",
    "&": "similar",
    "<": "participle",
    "\\": "pertainym",
}
# The others of WN-LMF 1.4, and what Open English WordNet says of its relations "other" (dc:type).
_FURTHER = """
    is_caused_by is_entailed_by agent body_part by_means_of destination event instrument location material
    property result state undergoer uses vehicle other feminine has_feminine masculine has_masculine
    young has_young diminutive has_diminutive augmentative has_augmentative anto_gradable anto_simple
    anto_converse simple_aspect_ip secondary_aspect_ip simple_aspect_pi secondary_aspect_pi metaphor
    has_metaphor metonym has_metonym be_in_state state_of classified_by classifies co_agent_instrument
    co_agent_patient co_agent_result co_instrument_agent co_instrument_patient co_instrument_result
    co_patient_agent co_patient_instrument co_result_agent co_result_instrument co_role direction
    eq_synonym holo_location holo_portion holonym in_manner manner_of involved involved_agent
    involved_direction involved_instrument involved_location involved_patient involved_result
    involved_source_direction involved_target_direction mero_location mero_portion meronym patient
    restricted_by restricts role source_direction target_direction subevent is_subevent_of
    ir_synonym
"""
NAMES = (*OF_SYMBOL.values(), *_FURTHER.split())
HYPERNYMS = ("hypernym", "instance_hypernym")

# Their names in WN18 and WN18RR, benchmarks of knowledge graphs that were made of WordNet 3.0.
WN18 = {
    "also": "_also_see",
    "derivation": "_derivationally_related_form",
    "mero_part": "_has_part",
    "hypernym": "_hypernym",
    "hyponym": "_hyponym",
    "instance_hypernym": "_instance_hypernym",
    "instance_hyponym": "_instance_hyponym",
    "holo_member": "_member_holonym",
    "mero_member": "_member_meronym",
    "has_domain_region": "_member_of_domain_region",
    "has_domain_topic": "_member_of_domain_topic",
    "is_exemplified_by": "_member_of_domain_usage",
    "holo_part": "_part_of",
    "similar": "_similar_to",
    "domain_region": "_synset_domain_region_of",
    "domain_topic": "_synset_domain_topic_of",
    "exemplifies": "_synset_domain_usage_of",
    "verb_group": "_verb_group",
}


def number(name: str) -> int:
    """Returns the class of a relation; -1 for one that is none of `NAMES`."""
    return _NUMBERS.get(name, -1)


_NUMBERS = {name: number for number, name in enumerate(NAMES)}
