"""Where one user acts in one trial: a method for each use case, one module for each part of a trial's life."""

from trialdomain.application.desk.changes import Changes
from trialdomain.application.desk.ending import Ending
from trialdomain.application.desk.enrollment import Enrollment
from trialdomain.application.desk.escalation import Escalating
from trialdomain.application.desk.exporting import Exporting
from trialdomain.application.desk.governance import Governance
from trialdomain.application.desk.observation import Observation
from trialdomain.application.desk.safety import Safety
from trialdomain.application.desk.treatment import Treatment


class Desk(Enrollment, Treatment, Observation, Safety, Ending, Escalating, Governance, Changes, Exporting):
    """Where one user acts in one trial.

    Every command returns the entries that it recorded, those that follow from it among them; the same act a second time
    records nothing. With a ``command_id``, the same request gets its first result again.
    """
