"""Treatments other than the study drug, as far as a rule needs them."""

from trialdomain.values.word import Word


class BloodProduct(Word):
    """What was transfused."""

    RED_CELLS = "red-cells"
    PLATELETS = "platelets"
    PLASMA = "plasma"
    OTHER = "other"


class Intent(Word):
    """What an anti-infective was given for."""

    TREATMENT = "treatment"
    PROPHYLAXIS = "prophylaxis"
    UNKNOWN = "unknown"


class MedicationClass(Word):
    """What a concomitant medication is, as far as the protocol asks."""

    G_CSF = "g-csf"
    TPO_RECEPTOR_AGONIST = "tpo-receptor-agonist"
    CELL_DIVISION_INHIBITOR = "cell-division-inhibitor"
    IMMUNOSUPPRESSANT = "immunosuppressant"
    OTHER = "other"
