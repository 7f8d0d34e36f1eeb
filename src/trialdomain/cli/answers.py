"""Every answer about a trial, as people read it."""

from trialdomain.cli.output import print_lines, print_table
from trialdomain.history import Answers
from trialdomain.reports.endpoints import endpoints_lines, endpoints_tables
from trialdomain.reports.escalation import dlt_lines, escalation_lines, escalation_tables, members_table
from trialdomain.reports.flow import flow_lines, flow_tables
from trialdomain.reports.safety import safety_lines, safety_tables


def print_answers(answers: Answers) -> None:
    """Print participant flow, dose levels, the decision and the safety summary."""
    print_lines(flow_lines(answers.flow))
    for table in flow_tables(answers.flow):
        print_table(table)
    state, counts = answers.escalation, answers.dlt_counts
    for table in escalation_tables(state) if state else [members_table(counts)] if counts.tallies else []:
        print_table(table)
    print_lines((*dlt_lines(counts), *escalation_lines(state)))
    print_lines(("", *endpoints_lines(answers.endpoints)))
    for table in endpoints_tables(answers.endpoints):
        print_table(table)
    print_lines(("", *safety_lines(answers.safety)))
    for table in safety_tables(answers.safety):
        print_table(table)
