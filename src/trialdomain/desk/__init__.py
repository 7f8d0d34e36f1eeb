"""The desk of one user in one trial: a method for each use case, and a module for each part of a trial's life."""

from trialdomain.desk.changes import Changes
from trialdomain.desk.ending import Ending
from trialdomain.desk.enrollment import Enrollment
from trialdomain.desk.escalation import Escalating
from trialdomain.desk.exporting import Exporting
from trialdomain.desk.governance import Governance
from trialdomain.desk.observation import Observation
from trialdomain.desk.safety import Safety
from trialdomain.desk.treatment import Treatment


class Desk(Enrollment, Treatment, Observation, Safety, Ending, Escalating, Governance, Changes, Exporting):
    """The desk of one user in one trial.

    Every command returns the entries that it recorded, including those that follow from it. Repeating the same act
    records nothing. With a ``command_id``, the same request returns its first result again.
    """
