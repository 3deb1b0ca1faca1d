"""The whole application: API, pages, and what every request passes."""

from fastapi import FastAPI

from portal import openapi, problems
from portal.fhir import bulk, subscribing
from portal.fhir import routes as fhir
from portal.house import House
from portal.pages import (
    account,
    assets,
    clinician,
    common,
    devices,
    fleet,
    hospital,
    link,
    log_in,
    patient,
    people,
    pressure,
    settings,
    setup,
    sharing,
)
from portal.pages import notes as note_pages
from portal.routes import (
    alerts,
    deliveries,
    events,
    gateways,
    grants,
    health,
    limits,
    notes,
    patients,
    sessions,
    token,
    trends,
)
from portal.routes import people as registry
from portal.shield import Shield
from portal.witness import Witness
from vitals import __version__

API = (
    token, sessions, patients, trends, notes, limits, alerts, deliveries, grants,
    gateways, events, registry, health,
)  # fmt: skip
PAGES = (
    assets, log_in, hospital, setup, settings, account, sharing, patient, pressure,
    devices, note_pages, clinician, fleet, people, link,
)  # fmt: skip


def create_app(house: House) -> FastAPI:
    """Build the application around what the house knows."""
    app = FastAPI(
        title="vitals",
        version=__version__,
        description=openapi.DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # its pages load from a CDN
        redoc_url=None,
    )
    app.state.house = house
    for routes in API:
        app.include_router(routes.router)
    # FHIR describes itself, at /fhir/metadata.
    app.include_router(bulk.router, include_in_schema=False)
    app.include_router(subscribing.router, include_in_schema=False)
    app.include_router(fhir.router, include_in_schema=False)
    for pages in PAGES:
        app.include_router(pages.router, include_in_schema=False)
    app.add_middleware(
        Witness, audit=house.people.audit, metrics=house.metrics, clock=house.clock
    )
    app.add_middleware(Shield, metrics=house.metrics)
    problems.install(app, common.error_page)
    openapi.install(app)
    return app
