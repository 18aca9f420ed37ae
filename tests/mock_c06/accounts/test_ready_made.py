"""Ready-made accounts: the same in every process, all that the contract lists."""

from mock_c06.accounts.register import ready_made_accounts


def test_secrets_follow_from_the_seed_and_nothing_else() -> None:
    assert ready_made_accounts("1") == ready_made_accounts("1")
    first, second = ({account.secret for account in ready_made_accounts(seed)} for seed in "12")
    assert first.isdisjoint(second)
    assert len(first) == len(ready_made_accounts("1"))


def test_the_accounts_of_the_contract_are_all_there() -> None:
    found = {
        account.name: (account.environment, account.dialect, account.status)
        for account in ready_made_accounts("1")
    }
    assert found == {
        "dvctt-hanoi": ("test", "soap", "active"),
        "dvctt-lgsp-passthrough": ("test", "lgsp-passthrough", "active"),
        "dvctt-lgsp-camel": ("test", "lgsp-camel", "active"),
        "dvctt-lgsp-pascal": ("test", "lgsp-pascal", "active"),
        "dvctt-hanoi-official": ("official", "soap", "active"),
        "limited": ("test", "soap", "active"),
        "suspended": ("test", "soap", "suspended"),
    }
