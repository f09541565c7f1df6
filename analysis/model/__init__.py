"""A site in memory: metadata, gridded observations, and blocks of series for the vectorised detectors."""

from analysis.model.block import SeriesBlock as SeriesBlock
from analysis.model.metadata import Channel as Channel
from analysis.model.metadata import Event as Event
from analysis.model.metadata import Facility as Facility
from analysis.model.metadata import LedgerEntry as LedgerEntry
from analysis.model.metadata import Site as Site
from analysis.model.site import Grid as Grid
from analysis.model.site import Revisions as Revisions
from analysis.model.site import SiteData as SiteData
