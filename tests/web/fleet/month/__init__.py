"""A simulated month: the real deciders against a small Slurm, random clients and random faults.

timeline   the clock and what happens when
scenario   what a seed means: models, GPUs, traffic, faults
slurm      a queue with few GPUs, walltimes, preemption, dead nodes, outages
worker     the agent in a job: claims, proves, reports, drains
clients    who asks, retries, gives up
gateway    snapshot, choice, callbacks
memory     the stores, without a database
fleet      the real Reconciler, and its deaths
watch      what must hold at every moment
month      all of it in one loop
"""
