"""One taxpayer's record in the shapes of the three published contracts. HAL: `_links` with `href`."""

from collections import defaultdict
from datetime import date

from sandbox.person import SelfEmployment, TaxEmployment, TaxRecord

from .asked import starting_year

_EARLIER_YEARS = 6


def matched(match_id: str) -> dict[str, object]:
    """Answer to a successful match."""
    link = _link(f"/individuals/matching/{match_id}", "Get a matched individual’s information")
    return {"_links": {"individual": link, "self": {"href": "/individuals/matching/"}}}


def individual(match_id: str, record: TaxRecord) -> dict[str, object]:
    """The matched individual and where to go on."""
    links = {
        kind: _link(f"/individuals/{kind}/?matchId={match_id}", f"Get the individual's {what} data")
        for kind, what in (("income", "income"), ("employments", "employment"))
    }
    return {
        "_links": {**links, "self": {"href": f"/individuals/matching/{match_id}"}},
        "individual": {
            "firstName": record.first_name,
            "lastName": record.last_name,
            "nino": record.tin,
            "dateOfBirth": record.birth_date.isoformat(),
        },
    }


def employments_index(match_id: str) -> dict[str, object]:
    """Where the employments are."""
    paye = f"/individuals/employments/paye?matchId={match_id}{{&fromDate,toDate}}"
    return {
        "_links": {
            "paye": {"href": paye, "title": "Get an individual's PAYE employment data"},
            "self": {"href": f"/individuals/employments/?matchId={match_id}"},
        }
    }


def income_index(match_id: str) -> dict[str, object]:
    """Where the income is."""
    below = f"/individuals/income/{{}}?matchId={match_id}{{}}"
    return {
        "_links": {
            "paye": _link(below.format("paye", "{&fromDate,toDate}"), "Get an individual's PAYE income data"),
            "sa": _link(
                below.format("sa", "{&fromTaxYear,toTaxYear}"), "Get an individual's Self Assessment income data"
            ),
            "self": {"href": f"/individuals/income/?matchId={match_id}"},
        }
    }


def paye_employments(
    record: TaxRecord, period: tuple[date, date], today: date, own: str, paye_reference: str | None
) -> dict[str, object]:
    """Employments that touch the period, with the payments in it; both ends included."""
    start, end = _held(period, today)
    return {
        "_links": {"self": {"href": own}},
        "employments": [
            _employment(job, start, end)
            for job in record.employments
            if start <= end
            and job.start <= end
            and (job.end is None or job.end >= start)
            and paye_reference in {None, job.paye_reference}
        ],
    }


def _employment(job: TaxEmployment, start: date, end: date) -> dict[str, object]:
    ended = {"endDate": job.end.isoformat()} if job.end is not None else {}
    return {
        "startDate": job.start.isoformat(),
        **ended,
        "payFrequency": "CALENDAR_MONTHLY",
        "employer": {"name": job.employer, "payeReference": job.paye_reference},
        "payment": [
            {"date": paid.isoformat(), "paidTaxablePay": _money(cents)}
            for paid, cents in job.payments
            if start <= paid <= end
        ],
    }


def paye_income(record: TaxRecord, period: tuple[date, date], today: date, own: str) -> dict[str, object]:
    """One row per payment, newest first, with the running total of its tax year and employment."""
    start, end = _held(period, today)
    rows = [row for job in record.employments for row in _income_rows(job) if start <= row[0] <= end]
    rows.sort(key=lambda row: row[0], reverse=True)
    return {"_links": {"self": {"href": own}}, "paye": {"income": [row for _, row in rows]}}


def _income_rows(job: TaxEmployment) -> list[tuple[date, dict[str, object]]]:
    totals: defaultdict[int, int] = defaultdict(int)
    rows = []
    for paid, cents in sorted(job.payments):
        year = starting_year(paid)
        totals[year] += cents
        row: dict[str, object] = {
            **_references(job.paye_reference),
            "taxYear": _label(year)[2:],
            "payFrequency": "M1",
            "monthPayNumber": (paid.month - 4) % 12 + 1,
            "paymentDate": paid.isoformat(),
            "taxablePayToDate": _money(totals[year]),
            "taxablePay": _money(cents),
        }
        rows.append((paid, row))
    return rows


def _references(paye_reference: str) -> dict[str, str]:
    """Only what fits the contract's patterns: an office of three digits, ten characters in all."""
    office = paye_reference.partition("/")[0]
    found = {"hmrcOfficeNumber": office} if len(office) == 3 and office.isdigit() else {}
    return found | ({"employerPayeReference": paye_reference} if len(paye_reference) <= 10 else {})


def self_assessment(
    record: TaxRecord, years: tuple[int, int], today: date, own: str, match_id: str
) -> dict[str, object]:
    """The index of self-assessment: which years were returned. No taxpayer reference is held, so none is shown."""
    details = f"/individuals/income/sa/further-details?matchId={match_id}{{&fromTaxYear,toTaxYear}}"
    return {
        "_links": {
            "self": {"href": own},
            "furtherDetails": {"href": details, "title": "Get an individual's SA further details data"},
        },
        "selfAssessment": {
            "registrations": [],
            "taxReturns": [{"taxYear": label, "submissions": []} for label in _returns(record, years, today)],
        },
    }


def further_details(record: TaxRecord, years: tuple[int, int], today: date, own: str) -> dict[str, object]:
    """Businesses by tax year; a person without any has an empty list of returns."""
    returns = [
        {"taxYear": label, "furtherDetails": [_business(business) for business in businesses]}
        for label, businesses in _returns(record, years, today).items()
    ]
    return {"_links": {"self": {"href": own}}, "selfAssessment": {"taxReturns": returns}}


def _business(business: SelfEmployment) -> dict[str, object]:
    ended = {"busEndDate": business.end.isoformat()} if business.end is not None else {}
    return {"busStartDate": business.start.isoformat(), **ended, "turnover": _money(business.turnover)}


def _returns(record: TaxRecord, years: tuple[int, int], today: date) -> dict[str, list[SelfEmployment]]:
    first = max(years[0], starting_year(today) - _EARLIER_YEARS)
    found: defaultdict[str, list[SelfEmployment]] = defaultdict(list)
    for business in sorted(record.self_employments, key=lambda one: one.tax_year):
        if first <= int(business.tax_year[:4]) <= years[1]:
            found[business.tax_year].append(business)
    return found


def _held(period: tuple[date, date], today: date) -> tuple[date, date]:
    """Only the current and six earlier tax years are held."""
    return max(period[0], date(starting_year(today) - _EARLIER_YEARS, 4, 1)), period[1]


def _label(year: int) -> str:
    return f"{year}-{(year + 1) % 100:02}"


def _money(cents: int) -> float:
    """A JSON number with at most two decimals: the shortest text of a double is exact below 10**13."""
    return cents / 100


def _link(href: str, title: str) -> dict[str, str]:
    return {"href": href, "name": "GET", "title": title}
