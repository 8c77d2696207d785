"""What to do with a mail, from all that was found out about it."""

from typing import NamedTuple

from triage.mail import read_mail
from triage.settings import TriageSettings
from triage.signals import read_signals
from triage.state import Decision, Mail, Signals
from triage.topics import GENERAL, classify
from triage.urgency import score_urgency

PHISHING_FROM = 0.7


class Verdict(NamedTuple):
    """The decision and what decided it."""

    decision: Decision
    reason: str


def decide(mail: Mail, topic: str, urgency: float, signals: Signals, settings: TriageSettings) -> Verdict:
    """The first rule that applies; a lure is ignored however urgent it sounds, since urgency is how lures work."""
    if signals["phishing"] >= PHISHING_FROM:
        return Verdict("ignore", f"it looks like phishing ({signals['phishing']:.2f}): do not answer, open no link")
    if signals["kind"] in ("newsletter", "auto_reply"):
        return Verdict("ignore", f"nobody waits for an answer to a mail of kind {signals['kind']}")
    if urgency >= settings.escalate_above:
        return Verdict("escalate", f"its urgency {urgency:.2f} reaches {settings.escalate_above:.2f}")
    if thread_of(mail):
        return Verdict("existing_thread", "it answers an earlier mail")
    if signals["asks"]:
        asked = "one thing" if signals["asks"] == 1 else f"{signals['asks']} things"
        return Verdict("new_task", f"it asks for {asked} and begins a thread")
    if signals["kind"] == "notice" and topic != GENERAL:
        return Verdict("new_task", f"it is a notice about {topic}")
    return Verdict("ignore", "it asks for nothing")


def thread_of(mail: Mail) -> str | None:
    """The Message-ID of the mail this one answers."""
    headers = mail["headers"]
    answered = headers.get("in-reply-to", "").split() or headers.get("references", "").split()[-1:]
    return answered[0] if answered else None


def assess(text: str, settings: TriageSettings) -> Verdict:
    """The whole way from text to decision in one call, for use outside the graph."""
    mail = read_mail(text)
    topic = classify(mail["subject"], mail["body"])
    urgency = score_urgency(mail, settings.own_domain)
    signals = read_signals(mail, settings.own_domain).signals
    return decide(mail, topic.name, urgency.score, signals, settings)
