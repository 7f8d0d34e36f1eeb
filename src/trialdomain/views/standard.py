"""The tables that this library makes of every log."""

from trialdomain.views.table_view import TableView
from trialdomain.views.tables.changes import CORRECTION_TABLE, DEVIATION_TABLE
from trialdomain.views.tables.endpoints import ENDPOINT_VALUE_TABLE
from trialdomain.views.tables.levels import (
    COHORT_TABLE,
    DLT_ASSESSMENT_TABLE,
    ESCALATION_DECISION_TABLE,
    LEVEL_STANDING_TABLE,
)
from trialdomain.views.tables.people import ADVERSE_EVENT_TABLE, LABORATORY_VALUE_TABLE, PARTICIPANT_TABLE

STANDARD_VIEWS: tuple[TableView, ...] = (
    PARTICIPANT_TABLE,
    COHORT_TABLE,
    LEVEL_STANDING_TABLE,
    DLT_ASSESSMENT_TABLE,
    ADVERSE_EVENT_TABLE,
    LABORATORY_VALUE_TABLE,
    ENDPOINT_VALUE_TABLE,
    ESCALATION_DECISION_TABLE,
    DEVIATION_TABLE,
    CORRECTION_TABLE,
)
ABOUT = (
    ("trial", "The code of the trial."),
    ("view", "The name of the view."),
    ("position", "The last position of the trial whose entry is in the rows of the view."),
    ("head", "The last position of the trial; in SQLite, as it was at looked_at."),
    ("lag", "How many entries the view is behind."),
    ("failed_at", "The position of the entry that the view could not take; empty where all is well."),
    ("why", "What was wrong with it."),
    ("looked_at", "When the log was last looked at for new entries."),
)
"""The columns of the table ``about``, which the store makes, and what they say."""
