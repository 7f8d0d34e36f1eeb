"""Views as tables: what a log says, as rows for SQL, kept up to date by a follower."""

from trialdomain.storage.view_tables import Column, Kind, ViewsUnusable
from trialdomain.views.known import KnownParticipant, KnownTrial, Span
from trialdomain.views.standard import STANDARD_VIEWS
from trialdomain.views.table_view import Row, TableView
from trialdomain.views.views import Views, ViewStatus

__all__ = [
    "STANDARD_VIEWS",
    "Column",
    "Kind",
    "KnownParticipant",
    "KnownTrial",
    "Row",
    "Span",
    "TableView",
    "ViewStatus",
    "Views",
    "ViewsUnusable",
]
