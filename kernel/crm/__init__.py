"""The small CRM interface, its records and events."""

from kernel.crm.activities import Activities, Activity, Left
from kernel.crm.comments import AttachedFile, Comment, CommentFile, Comments
from kernel.crm.interface import CRM, History, People, RecycleBin, Workdays
from kernel.crm.lists import ListChange, ListElement, Lists, Start
from kernel.crm.model import (
    AUTHOR_ID,
    NO_VALUES,
    PROOF,
    SHORT,
    WHOLE,
    Changed,
    Elsewhere,
    Event,
    MissingItem,
    Move,
    Person,
    Record,
    Ref,
    Row,
    Unreadable,
    Value,
    Values,
    Workday,
    format_value,
)
from kernel.crm.notices import Notices
from kernel.crm.processes import Process, Processes, Question
from kernel.crm.sight import Sight
from kernel.crm.tasks import Task, TaskList, Tasks, TaskState
from kernel.crm.texts import Texts, TextStatus

__all__ = [
    "AUTHOR_ID", "CRM", "NO_VALUES", "PROOF", "SHORT", "WHOLE", "Activities", "Activity", "AttachedFile", "Changed",
    "Comment", "CommentFile", "Comments", "Elsewhere", "Event", "History", "Left", "ListChange", "ListElement",
    "Lists", "MissingItem", "Move", "Notices", "People", "Person", "Process", "Processes", "Question", "Record",
    "RecycleBin", "Ref", "Row", "Sight", "Start", "Task", "TaskList", "TaskState", "Tasks", "TextStatus", "Texts",
    "Unreadable", "Value", "Values", "Workday", "Workdays", "format_value",
]  # fmt: skip
