"""Exceedances joined, judged, explained and ranked."""

from analysis.findings.episodes import Episode as Episode
from analysis.findings.episodes import episodes as episodes
from analysis.findings.finding import Finding as Finding
from analysis.findings.judgement import judge as judge
from analysis.findings.ranking import rank as rank
