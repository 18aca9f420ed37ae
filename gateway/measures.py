"""What the parts count by themselves, told to whoever reads the metrics: read at that moment, kept nowhere twice."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.edge.guesses import Guesses
from gateway.edge.rates import RateLimits
from gateway.profiles.alarms_store import WINDOWS
from gateway.profiles.model import Gateway
from gateway.profiles.states import ProfileState, days_left, find_sheltered, state_of
from gateway.registry.breaker import BreakerState


class Measures(Collector):
    """The audit's queue, the registries, and what was refused or slowed before anything was asked."""

    def __init__(self, gateway: Gateway, *, rates: RateLimits, guesses: Guesses) -> None:
        self._gateway = gateway
        self._rates = rates
        self._guesses = guesses

    def collect(self) -> Iterator[Metric]:
        """Tell the figures of now."""
        yield from self._audit()
        yield from self._registries()
        yield from self._profiles()
        slowed = CounterMetricFamily(
            "gateway_secret_guesses",
            "Tries of a client secret, or of an operator's login, slowed, or refused without a wait.",
            labels=["outcome"],
        )
        slowed.add_metric(["waited"], self._guesses.waited)
        slowed.add_metric(["refused"], self._guesses.refused)
        yield slowed
        limited = CounterMetricFamily(
            "gateway_rate_limited", "Calls refused because an account calls too fast.", labels=["profile"]
        )
        for profile in self._gateway.places:
            limited.add_metric([profile.value], self._rates.refused.get(profile.value, 0))
        yield limited
        alarms = CounterMetricFamily(
            "gateway_enquiry_alarms",
            "Accounts that came to four fifths of a budget of answered enquiries.",
            labels=["profile", "budget"],
        )
        for profile in self._gateway.places:
            for budget in WINDOWS:
                alarms.add_metric([profile.value, budget], self._gateway.parts.alarms[profile.value, budget])
        yield alarms

    def _profiles(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "gateway_profile_state", "1 for the profile's state of now.", labels=["profile", "state"]
        )
        days = GaugeMetricFamily(
            "gateway_credential_days_left", "Days until the registry credential ends.", labels=["profile"]
        )
        clock = self._gateway.parts.clock
        for profile, place in self._gateway.places.items():
            now = state_of(place, clock)
            for state in ProfileState:
                states.add_metric([profile.value, state.value], float(now is state))
            left = days_left(place, clock)
            if left is not None:
                days.add_metric([profile.value], left)
        yield states
        yield days

    def _audit(self) -> Iterator[Metric]:
        audit = self._gateway.parts.audit
        yield GaugeMetricFamily(
            "gateway_audit_waiting", "Records that wait for their commit.", value=audit.waiting
        )
        yield CounterMetricFamily("gateway_audit_commits", "Commits of the audit.", value=audit.groups)
        yield CounterMetricFamily(
            "gateway_audit_records", "Records committed; by commits: the mean group.", value=audit.records
        )

    def _registries(self) -> Iterator[Metric]:
        questions = CounterMetricFamily(
            "gateway_registry_questions",
            "Questions to the registry, those held back by the breaker too.",
            labels=["profile", "operation", "outcome"],
        )
        breaker = GaugeMetricFamily(
            "gateway_registry_breaker", "1 for the breaker's state of now.", labels=["profile", "state"]
        )
        for profile, place in self._gateway.places.items():
            registry = find_sheltered(place)
            if registry is None:
                continue
            for (operation, outcome), count in sorted(registry.tally.items()):
                questions.add_metric([profile.value, operation, outcome], count)
            for state in BreakerState:
                breaker.add_metric([profile.value, state.value], float(registry.breaker_state is state))
        yield questions
        yield breaker
