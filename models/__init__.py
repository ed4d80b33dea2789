"""The law: tables, rules, workflows, permissions and every query. Imports no other room."""

from models import database as database
from models.agreements import Agreement, Party
from models.assignments import Assignment
from models.base import db
from models.boundaries import Boundary, Edition
from models.calls import Call
from models.case_links import CaseLink
from models.clocks import SyncClock
from models.contacts import Contact
from models.damage import DamagePart
from models.deliveries import Delivery
from models.devices import Device, RefreshToken, Session
from models.disputed_grounds import Claimant, DisputedGround
from models.edition_drafts import DraftPolygon, EditionDraft
from models.enrolments import Enrolment
from models.events import Event, EventHead, EventText
from models.feed import Change, FeedOffset
from models.fires import FireUpdate
from models.hotspots import Hotspot
from models.incident_facts import Restricted
from models.incidents import CoReporter, Incident
from models.jobs import Job
from models.joint_verifications import JointVerification
from models.likeness import Likeness
from models.link_messages import LinkMessage
from models.notes import Note
from models.notices import Notice, NoticeAck, NoticeViewer
from models.numbers import Counter
from models.organisations import Coverage, Organisation
from models.passings import Passing
from models.photos import Photo
from models.reference import Revision
from models.replies import Reply
from models.seals import Seal
from models.sign_in_failures import SignInFailure
from models.subscriptions import Subscription
from models.units import ScopeUnit, Succession, Unit, UnitAlias
from models.uploads import Upload
from models.users import Person, Role, User, person
from models.visibility import Viewer

__all__ = [
    "Agreement",
    "Assignment",
    "Boundary",
    "Call",
    "CaseLink",
    "Change",
    "Claimant",
    "CoReporter",
    "Contact",
    "Counter",
    "Coverage",
    "DamagePart",
    "Delivery",
    "Device",
    "DisputedGround",
    "DraftPolygon",
    "Edition",
    "EditionDraft",
    "Enrolment",
    "Event",
    "EventHead",
    "EventText",
    "FeedOffset",
    "FireUpdate",
    "Hotspot",
    "Incident",
    "Job",
    "JointVerification",
    "Likeness",
    "LinkMessage",
    "Note",
    "Notice",
    "NoticeAck",
    "NoticeViewer",
    "Organisation",
    "Party",
    "Passing",
    "Person",
    "Photo",
    "RefreshToken",
    "Reply",
    "Restricted",
    "Revision",
    "Role",
    "ScopeUnit",
    "Seal",
    "Session",
    "SignInFailure",
    "Subscription",
    "Succession",
    "SyncClock",
    "Unit",
    "UnitAlias",
    "Upload",
    "User",
    "Viewer",
    "db",
    "person",
]
