"""People with roles: who may propose, approve and administer, and how they prove who they are."""
