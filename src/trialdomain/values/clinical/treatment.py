"""Treatments other than the study drug, as far as a rule needs them."""

from trialdomain.values.word import Word


class BloodProduct(Word):
    """The product of a transfusion."""

    RED_CELLS = "red-cells"
    PLATELETS = "platelets"
    PLASMA = "plasma"
    OTHER = "other"


class Intent(Word):
    """The intent of an anti-infective treatment."""

    TREATMENT = "treatment"
    PROPHYLAXIS = "prophylaxis"
    UNKNOWN = "unknown"


class MedicationClass(Word):
    """The class of a concomitant medication, as far as the protocol needs it."""

    G_CSF = "g-csf"
    TPO_RECEPTOR_AGONIST = "tpo-receptor-agonist"
    CELL_DIVISION_INHIBITOR = "cell-division-inhibitor"
    IMMUNOSUPPRESSANT = "immunosuppressant"
    OTHER = "other"
