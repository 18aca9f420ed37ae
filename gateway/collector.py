"""Metrics whose values other objects have: they are read at each scrape and stored nowhere else."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.edge.throttle import LoginThrottle, RateLimits
from gateway.identifiers import Profile
from gateway.profiles.model import Gateway, Place
from gateway.profiles.state import ProfileStatus, days_left, status_of
from gateway.profiles.store import WINDOWS
from gateway.registry.client import DURATION_BOUNDS, BreakerState
from gateway.storage.outages import Cause


class GatewayCollector(Collector):
    """Metrics of the audit's queue, the registries, the profiles, the login throttle and the rate limits."""

    def __init__(self, gateway: Gateway, *, rates: RateLimits, throttle: LoginThrottle) -> None:
        self._gateway = gateway
        self._rates = rates
        self._throttle = throttle

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics with their present values."""
        yield from self._audit()
        yield from self._registries()
        yield from self._store()
        yield from self._profiles()
        slowed = CounterMetricFamily(
            "gateway_secret_guesses",
            "Wrong client secrets and operator logins that were slowed, or refused without a wait.",
            labels=["outcome"],
        )
        slowed.add_metric(["waited"], self._throttle.waited)
        slowed.add_metric(["refused"], self._throttle.refused)
        yield slowed
        limited = CounterMetricFamily(
            "gateway_rate_limited", "Calls refused because an account exceeded its rate.", labels=["profile"]
        )
        for profile, _ in self._served():
            limited.add_metric([profile.value], self._rates.refused.get(profile.value, 0))
        yield limited
        alarms = CounterMetricFamily(
            "gateway_enquiry_alarms",
            "Accounts that reached four fifths of a budget of answered enquiries.",
            labels=["profile", "budget"],
        )
        for profile, _ in self._served():
            for budget in WINDOWS:
                alarms.add_metric([profile.value, budget], self._gateway.deps.alarms[profile.value, budget])
        yield alarms

    def _served(self) -> list[tuple[Profile, Place]]:
        """Return the profiles that this process answers for: another process has the figures of the other."""
        served = self._gateway.clients.serves
        return [(profile, place) for profile, place in self._gateway.places.items() if served(profile)]

    def _profiles(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "gateway_profile_state", "1 for the profile's present state.", labels=["profile", "state"]
        )
        days = GaugeMetricFamily(
            "gateway_credential_days_left", "Days until the registry credential ends.", labels=["profile"]
        )
        clock = self._gateway.deps.clock
        for profile, place in self._served():
            now = status_of(self._gateway, place)
            for state in ProfileStatus:
                states.add_metric([profile.value, state.value], float(now is state))
            left = days_left(place, clock)
            if left is not None:
                days.add_metric([profile.value], left)
        yield states
        yield days

    def _audit(self) -> Iterator[Metric]:
        audit = self._gateway.deps.audit
        yield GaugeMetricFamily(
            "gateway_audit_waiting", "Records that wait for their commit.", value=audit.waiting
        )
        yield CounterMetricFamily("gateway_audit_commits", "Commits of the audit.", value=audit.groups)
        yield CounterMetricFamily(
            "gateway_audit_records",
            "Records committed; divided by commits: the mean size of a group.",
            value=audit.records,
        )
        sequencer = self._gateway.sequencer
        yield CounterMetricFamily(
            "gateway_audit_entries_refused",
            "Waiting entries without a right MAC: somebody else wrote them.",
            value=sequencer.refused,
        )
        yield CounterMetricFamily(
            "gateway_audit_entries_lost",
            "Entries of this worker that somebody deleted before they had a row.",
            value=sequencer.lost,
        )
        yield GaugeMetricFamily(
            "gateway_audit_stalled_seconds",
            "How long this worker has seen the same committed entry wait for its row.",
            value=sequencer.stalled_seconds,
        )

        copies = CounterMetricFamily(
            "gateway_audit_checkpoint_copies",
            "Copies of checkpoints outside the database.",
            labels=["target", "outcome"],
        )
        for (target, outcome), count in sorted(self._gateway.copies.counts.items()):
            copies.add_metric([target, outcome], count)
        yield copies

    def _registries(self) -> Iterator[Metric]:
        questions = CounterMetricFamily(
            "gateway_registry_questions",
            "Questions to the registry, with those that the breaker refused.",
            labels=["profile", "operation", "outcome"],
        )
        breaker = GaugeMetricFamily(
            "gateway_registry_breaker", "1 for the breaker's present state.", labels=["profile", "state"]
        )
        under_way = GaugeMetricFamily(
            "gateway_registry_questions_in_flight", "Questions under way.", labels=["profile"]
        )
        latency = HistogramMetricFamily(
            "gateway_registry_duration_seconds",
            "Time of a question to the registry, with the wait for a slot.",
            labels=["profile", "operation"],
        )
        for profile, place in self._served():
            registry = place.client
            if registry is None:
                continue
            for (operation, outcome), count in sorted(registry.counts.items()):
                questions.add_metric([profile.value, operation, outcome], count)
            for state in BreakerState:
                breaker.add_metric([profile.value, state.value], float(registry.breaker_state is state))
            under_way.add_metric([profile.value], registry.under_way)
            for operation, durations in sorted(registry.durations.items()):
                bounds = [*map(str, DURATION_BOUNDS), "+Inf"]
                buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
                latency.add_metric([profile.value, operation], buckets, durations.seconds)
        yield from (questions, breaker, under_way, latency)

    def _store(self) -> Iterator[Metric]:
        database = self._gateway.deps.database
        yield GaugeMetricFamily(
            "gateway_store_up",
            "0 from an outage of the store until its next commit.",
            value=float(database.outages.up),
        )
        outages = CounterMetricFamily("gateway_store_outages", "Failed transactions.", labels=["cause"])
        for cause in Cause:
            outages.add_metric([cause.value], database.outages.counts[cause])
        yield outages
        pool = GaugeMetricFamily(
            "gateway_store_connections", "Connections of the pool, by state, and its limit.", labels=["state"]
        )
        for state, count in database.count_connections().items():
            pool.add_metric([state], count)
        yield pool
