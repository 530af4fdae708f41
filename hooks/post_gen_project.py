"""Makes the new project a Git repository with a first commit, and prints the next steps.

The project works without any of this: whatever goes wrong is a warning, and the bake succeeds. A
file that an answer leaves out has an empty name in the template. This removes the folders that such
files leave empty.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ANSWERS = r"""<< cookiecutter | tojson >>"""

# As cloudformation/settings.yaml and GitHub's workflow name it.
BRANCH = "main"

# Variables that name another repository, or another author.
NAMED_ELSEWHERE = (
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
)


def git(*arguments, check=True):
    """Run Git in this folder, whatever repository and author the environment names."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(NAMED_ELSEWHERE)
    }
    return subprocess.run(
        ["git", *arguments],
        check=check,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def belongs_to_another_repository():
    """Say whether this folder lies in a repository that does not ignore it."""
    inside = git("rev-parse", "--is-inside-work-tree", check=False).returncode == 0
    return inside and git("check-ignore", "--quiet", ".", check=False).returncode != 0


def make_repository(name, email):
    """Make a repository whose first commit holds every file."""
    git("init", "--quiet")
    git("symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    git("add", "--all")
    identity = ["-c", f"user.name={name}", "-c", f"user.email={email}"]
    # The user's own settings must not stop this commit.
    plain = ["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"]
    message = ["--message", "Start from the template"]
    git(*identity, *plain, "commit", "--quiet", "--no-verify", *message)


def remove_empty_folders():
    """Remove the folders whose every file an answer has left out."""
    folders = [path for path in Path().rglob("*") if path.is_dir()]
    for folder in sorted(folders, reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def next_steps(answers):
    return f"""
{answers["project"]} is there. Next:

  cd {answers["project"]}
  make run          set up, run the pipeline, track it in MLflow
  make serve        answer requests on port 8080
  make help         every verb
  make preflight    what AWS still wants before `make deploy`

To publish it: git remote add origin {answers["__origin"]}
               git push --set-upstream origin {BRANCH}
"""


def main():
    answers = json.loads(ANSWERS)
    remove_empty_folders()
    try:
        if belongs_to_another_repository():
            print("This folder belongs to another Git repository: commit it there.")
        else:
            make_repository(answers["__owner"], answers["email"])
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        print(f"warning: no Git repository was made ({reason}).", file=sys.stderr)
        print("Make one before `make run`: git init, git add --all, git commit", file=sys.stderr)
    print(next_steps(answers))


if __name__ == "__main__":
    main()
