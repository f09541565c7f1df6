"""From scores to expected numbers of false alerts: the only place that knows history, tails and the budget."""

from analysis.calibration.budget import Budget as Budget
from analysis.calibration.exceedances import Exceedances as Exceedances
from analysis.calibration.exceedances import exceedances as exceedances
from analysis.calibration.tail import Tail as Tail
