"""The net under the tenants: a statement that touches their rows without saying whose is refused unrun.

It finds what was forgotten, such as a `select(visit)` where `reader.of(visit)` was meant. It looks for one
comparison with the own tenant anywhere in the statement (references are kept inside a tenant by the keys, so
a join needs no second one), hence a condition that is wrong on purpose passes: a net, not a wall.
"""

from __future__ import annotations

from sqlalchemy import BinaryExpression, BindParameter, ClauseElement, ColumnClause, Executable, Insert, Table
from sqlalchemy.sql import operators, visitors

from mediaserver.model.actors import TenantId

# `statement.execution_options(across_tenants=True)`: for the few that must, such as whose a link is.
ACROSS = "across_tenants"


def refuse_unless_narrowed(statement: Executable, tenant: TenantId) -> None:
    """Raises ValueError when rows of tenants are touched and `tenant` isn't compared with.

    An INSERT isn't looked at (`Unit.insert` fills in the tenant), nor is text.
    """
    if not isinstance(statement, ClauseElement) or isinstance(statement, Insert):
        return
    if statement.get_execution_options().get(ACROSS):
        return
    table: str | None = None
    for element in visitors.iterate(statement):
        if isinstance(element, BinaryExpression) and _compares(element, tenant):
            return
        if isinstance(element, Table) and "tenant" in element.c:
            table = element.name
    if table is not None:
        raise ValueError(
            f"a statement over {table} names no tenant: begin it by `reader.of(..)` or add `reader.owns(..)`;"
            f" one that must reach across says .execution_options({ACROSS}=True)"
        )


def _compares(element: BinaryExpression[object], tenant: TenantId) -> bool:
    if element.operator is not operators.eq:
        return False
    sides = (element.left, element.right)
    return any(isinstance(side, ColumnClause) and side.name == "tenant" for side in sides) and any(
        isinstance(side, BindParameter) and side.effective_value == tenant for side in sides
    )
