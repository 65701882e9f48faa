"""Jobs on disk: what stays of them when they come to nothing."""

import asyncio
import os
from pathlib import Path

import msgspec

from hullo.messages.jobs import JobQueue, Left
from tests.messages.posting import running
from tests.rtc.test_connection import until


class Job(msgspec.Struct, frozen=True):
    """Something to do."""

    comes_to_nothing: bool


async def work(job_id: str, job: Job) -> None:
    if job.comes_to_nothing:
        raise Left


async def test_of_a_job_that_comes_to_nothing_the_sealed_file_stays(tmp_path: Path) -> None:
    jobs = JobQueue(tmp_path, Job, work)
    async with running(jobs.run()):
        await asyncio.sleep(0)
        for job_id, comes_to_nothing in (("a", True), ("b", False)):
            jobs.sealed(job_id).write_bytes(b"some of it")
            jobs.add(job_id, Job(comes_to_nothing))
        await until(lambda: len(jobs) == 0)
    assert os.listdir(tmp_path) == ["a.sealed"]


def test_what_was_left_is_forgotten_when_it_is_old_or_too_much_but_not_what_is_still_to_do(tmp_path: Path) -> None:
    jobs = JobQueue(tmp_path, Job, work)
    for age, job_id in enumerate("abcdef"):
        jobs.sealed(job_id).write_bytes(b"some of it")
        os.utime(jobs.sealed(job_id), (1000.0 - age, 1000.0 - age))
    jobs.save("f", Job(comes_to_nothing=False))
    jobs.forget_left(older_than=996.5, most=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.sealed", "b.sealed", "c.sealed", "f.job", "f.sealed"]
    jobs.forget_left(older_than=998.5, most=3)
    assert sorted(path.name for path in tmp_path.glob("*.sealed")) == ["a.sealed", "b.sealed", "f.sealed"]
