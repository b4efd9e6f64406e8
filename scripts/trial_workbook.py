"""Write the workbook of the cohort ``synthetic-trial`` as a hospital would send it, and the truth about it.

    python3 scripts/trial_workbook.py                # data/trial.xlsx and the truth beside it, in claims.csv
    python3 scripts/trial_workbook.py --truth FILE   # a clean table of the patients, for R

The patients are drawn with a seed; the numbers of ``claims.csv`` are worked out from them here, before they
are written down in the way people write them down. Nothing of the package is used.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import statistics
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "mappings" / "cohorts" / "synthetic-trial"
SEED = 20220704
PATIENTS = 60
CUT_OFF = dt.date(2022, 6, 30)
DAYS = (0, 28, 56)
LABS = {"Hb": "g/dL", "WBC": "10^9/L", "CRP": "mg/L"}
EVENTS = {"nausea": 0.5, "fever": 0.35, "fatigue": 0.3, "neutropenia": 0.25}
SPELT = {
    "m": ["m", "M", "male", "m "], "f": ["f", "F", "female", "w"],
    "nausea": ["Nausea", "nausea", "Nausea "], "fever": ["Fever", "Pyrexia", "fever"],
    "fatigue": ["Fatigue", "fatigue"], "neutropenia": ["Neutropenia", "neutropenia"],
    "dead": ["dead", "DEAD", "died"], "alive": ["alive", "Alive"], "lost": ["lost to FU", "lost"],
    "yes": ["yes", "y", "Y"], "no": ["no", "n", "No"],
}  # fmt: skip
COMMENTS = [None, None, None, "None", "NA", "transferred from another hospital", "see letter"]
MISSING = ["NA", "n.d.", "-", None]


def patients(draw: random.Random) -> list[dict[str, Any]]:
    """The truth: one dict a patient, every value as it is."""
    made = []
    for number in range(1, PATIENTS + 1):
        arm = "AB"[draw.random() < 0.5]
        start = dt.date(2019, 2, 1) + dt.timedelta(days=draw.randrange(500))
        death = round(draw.expovariate(1 / {"A": 1100, "B": 520}[arm])) + 1
        progression = round(draw.expovariate(1 / {"A": 600, "B": 300}[arm])) + 1
        known = (CUT_OFF - start).days
        lost = draw.randrange(60, 900) if draw.random() < 0.08 else known
        days = min(death, lost, known)
        status = "dead" if days == death else "lost" if days == lost < known else "alive"
        ecog = draw.choice([0, 0, 1, 1, 1, 2]) if draw.random() < 0.95 else None
        labs = {(name, day): _lab(name, day, draw) for name in LABS for day in DAYS if day <= days}
        made.append(
            {
                "subject": f"{number:03d}", "sex": draw.choice("mf"), "site": draw.choice("123"), "arm": arm,
                "born": dt.date(draw.randrange(1940, 1985), draw.randrange(1, 13), draw.randrange(1, 29)),
                "start": start, "ecog": ecog, "symptoms": draw.choice(["yes", "no", "no"]),
                "diagnosed": start - dt.timedelta(days=draw.randrange(200, 2500)),
                "last": start + dt.timedelta(days=days), "days": days, "status": status,
                "progressed": start + dt.timedelta(days=progression) if progression <= days else None,
                "response": draw.choice({"A": ["CR", "CR", "PR", "SD"], "B": ["CR", "PR", "SD", "PD"]}[arm])
                if days > 40 else "NE",
                "labs": {key: value for key, value in labs.items() if draw.random() < 0.93},
                "events": [
                    _event(name, start, days, draw)
                    for name, chance in EVENTS.items()
                    if draw.random() < chance
                ],
            }
        )  # fmt: skip
    return made


def _event(name: str, start: dt.date, days: int, draw: random.Random) -> tuple[str, int, dt.date]:
    grade = draw.choice([1, 1, 2, 2, 3, 3, 4])
    return name, grade, start + dt.timedelta(days=draw.randrange(min(days, 90) + 1))


def _lab(name: str, day: int, draw: random.Random) -> float:
    if name == "Hb":
        return round(draw.gauss(11 + day / 40, 1.5), 1)
    if name == "WBC":
        return round(max(0.4, draw.gauss(6 if day == 0 else 3.5, 1.8)), 1)
    return float(max(0, round(draw.expovariate(1 / 18))))  # below 5 the laboratory writes <5


def workbook(people: list[dict[str, Any]], draw: random.Random) -> Any:
    """The sheets, with what happens to such sheets on their way."""
    import openpyxl

    book = openpyxl.Workbook()
    _patient_list(book.active, people, draw)
    _follow_up(book.create_sheet("Follow-up"), people, draw)
    _labs(book.create_sheet("Labs wide"), people, draw)
    _events(book.create_sheet("AEs"), people)
    notes = book.create_sheet("READ ME")
    notes.append(["Extract of 04.07.2022. CRP below 5 is written <5. Empty subject in AEs: same as above."])
    return book


def _patient_list(sheet: Any, people: list[dict[str, Any]], draw: random.Random) -> None:
    sheet.title = "Patient list"
    sheet.append(["SYNTHETIC TRIAL - patient list"])
    sheet.merge_cells("A1:J1")
    sheet.append(["extract of", dt.date(2022, 7, 4)])
    sheet.append([])
    titles = ["Subj. No.", "Sex", "Date of birth", "Site", "Arm", "Date randomised", "ECOG PS"]
    sheet.append([*titles, "First diagnosis", "B symptoms (y/n)", "Comment"])
    for place, one in enumerate(people):
        if place and place % 20 == 0:
            sheet.append([])
        subject = int(one["subject"]) if draw.random() < 0.25 else one["subject"]
        born = draw.choice(
            [one["born"], f"{one['born']:%d.%m.%Y}", (one["born"] - dt.date(1899, 12, 30)).days]
        )
        start = draw.choice(
            [one["start"], f"{one['start']:%d.%m.%Y}", f"{one['start'].day}-{one['start']:%b-%Y}"]
        )
        known = one["diagnosed"]
        known = draw.choice([f"{known:%m/%Y}", str(known.year), f"{known:%d.%m.%Y}", known])
        sheet.append(
            [
                subject, draw.choice(SPELT[one["sex"]]), born, int(one["site"]),
                draw.choice([one["arm"], f"Arm {one['arm']}", one["arm"].lower()]), start,
                draw.choice(MISSING) if one["ecog"] is None else one["ecog"], known,
                draw.choice(SPELT[one["symptoms"]]),
                draw.choice(COMMENTS),
            ]
        )  # fmt: skip
    sheet.append([])
    sheet.append(["Legend: PS performance status; n.d. not done"])


def _follow_up(sheet: Any, people: list[dict[str, Any]], draw: random.Random) -> None:
    sheet.append(["subject", "last seen / death", "Status", "Progression on", "Best response"])
    for one in sorted(people, key=lambda one: one["last"]):
        day = f"{one['last']:%d.%m.%Y}" if draw.random() < 0.5 else one["last"]
        sheet.append(
            [
                one["subject"], day, draw.choice(SPELT[one["status"]]),
                one["progressed"] or draw.choice(["no", "-", None]), one["response"],
            ]
        )  # fmt: skip


def _labs(sheet: Any, people: list[dict[str, Any]], draw: random.Random) -> None:
    sheet.append(["Laboratory, study days after randomisation"])
    sheet.append(["Subject", *(f"{name} d{day} ({unit})" for name, unit in LABS.items() for day in DAYS)])
    for one in people:
        row = [int(one["subject"])]
        for name in LABS:
            for day in DAYS:
                value = one["labs"].get((name, day))
                if value is None:
                    row.append(draw.choice(MISSING))
                elif name == "CRP":
                    row.append("<5" if value < 5 else int(value))
                else:
                    row.append(f"{value:.1f}".replace(".", ",") if draw.random() < 0.2 else value)
        sheet.append(row)


def _events(sheet: Any, people: list[dict[str, Any]]) -> None:
    draw = random.Random(SEED + 1)
    sheet.append(["Adverse events, CTCAE 5"])
    sheet.append(["Subject", "AE no.", "Event", "Grade", "Onset"])
    for one in people:
        for place, (name, grade, onset) in enumerate(one["events"], start=1):
            sheet.append(
                [
                    one["subject"] if place == 1 else None, place, draw.choice(SPELT[name]), grade,
                    onset if draw.random() < 0.6 else f"{onset:%d.%m.%Y}",
                ]
            )  # fmt: skip
    sheet.append([f"Total: {sum(len(one['events']) for one in people)}"])


def survival(people: list[dict[str, Any]], day: int) -> float:
    """Kaplan and Meier's product over the days of death."""
    left = 1.0
    for when in sorted({one["days"] for one in people if one["status"] == "dead" and one["days"] <= day}):
        deaths = sum(one["status"] == "dead" and one["days"] == when for one in people)
        left *= 1 - deaths / sum(one["days"] >= when for one in people)
    return left


def truth(people: list[dict[str, Any]]) -> list[tuple[str, str, str, str, str, str]]:
    """Claim, title, printed value, record, group and day of each number that an analysis must give."""
    arms = {arm: [one for one in people if one["arm"] == arm] for arm in "AB"}
    rows = [("n", "Patients", str(len(people)), "subjects.count", "", "")]

    def count(claim: str, title: str, record: str, chosen: list[Any]) -> None:
        rows.append((claim, title, str(len(chosen)), record, "", ""))

    count("female", "Women", "female.proportion", [one for one in people if one["sex"] == "f"])
    count(
        "symptoms",
        "With B symptoms",
        "b_symptoms.proportion",
        [one for one in people if one["symptoms"] == "yes"],
    )
    count(
        "responded",
        "CR or PR",
        "response.proportion",
        [one for one in people if one["response"] in ("CR", "PR")],
    )
    severe = [one for one in people if any(grade >= 3 for _, grade, _ in one["events"])]
    count("severe", "With an adverse event of grade 3 or more", "severe.proportion", severe)
    fever = [one for one in people if any(name == "fever" for name, _, _ in one["events"])]
    count("fever", "With fever", "fever.proportion", fever)
    for claim, name, day in (("hb_0", "Hb", 0), ("hb_28", "Hb", 28), ("wbc_28", "WBC", 28)):
        values = [one["labs"][name, day] for one in people if (name, day) in one["labs"]]
        title = f"{name} on day {day}: median"
        rows.append((claim, title, f"{statistics.median(values):.2f}", f"{claim}.median", "all", ""))
    ecog = [one["ecog"] for one in people if one["ecog"] is not None]
    rows.append(("ecog", "ECOG: median", f"{statistics.median(ecog):.1f}", "ecog.median", "all", ""))
    for label, chosen in (("all", people), *((f"Arm {arm}", one) for arm, one in arms.items())):
        slug = label.lower().replace(" ", "_")
        for day in (180, 365, 730):
            title, value = f"Survival at {day} days, {label}", f"{survival(chosen, day):.3f}"
            rows.append((f"os_{slug}_{day}", title, value, "overall_survival.survival", label, str(day)))
    return rows


COLUMNS = (
    "claim,title,kind,value_printed,unit,printed_in,quote,reading,"
    "record,group,time_days,ci_method,field,arithmetic,why"
)
UNITS = {"hb_0": "g/dL", "hb_28": "g/dL", "wbc_28": "10*9/L"}


def claims(rows: list[tuple[str, str, str, str, str, str]]) -> str:
    """The truth as ``claims.csv`` has it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS.split(","))
    for claim, title, value, record, group, day in rows:
        field = "events" if record.endswith(".proportion") else "value"
        method = "log" if day else ""
        unit = UNITS.get(claim, "1")
        writer.writerow(
            [
                claim,
                title,
                "result",
                value,
                unit,
                "the generator",
                "",
                "main",
                record,
                group,
                day,
                method,
                field,
                "",
                "",
            ]
        )
    return text.getvalue()


def main(arguments: list[str]) -> int:
    """Write the workbook and its claims, or the clean table of patients."""
    draw = random.Random(SEED)
    people = patients(draw)
    if arguments[:1] == ["--truth"]:
        with Path(arguments[1]).open("w", newline="", encoding="utf-8") as file:
            names = ["subject", "sex", "arm", "days", "status", "ecog"]
            writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(people)
        return 0
    (FOLDER / "data").mkdir(parents=True, exist_ok=True)
    workbook(people, draw).save(FOLDER / "data" / "trial.xlsx")
    kept = [line for line in _claims_of_r() if line]
    (FOLDER / "claims.csv").write_text(claims(truth(people)) + "".join(f"{line}\n" for line in kept), "utf-8")
    return 0


def _claims_of_r() -> list[str]:
    """What R printed of the clean table stays as it is."""
    path = FOLDER / "claims.csv"
    return [line for line in path.read_text("utf-8").splitlines() if "R: " in line] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
