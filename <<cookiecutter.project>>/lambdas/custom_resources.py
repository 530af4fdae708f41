"""What CloudFormation sends to the functions that are custom resources."""

from typing import TypedDict


class PollState(TypedDict):
    """What crhelper remembers between two polls."""

    PhysicalResourceId: str


class CustomResourceEvent(TypedDict):
    """A request of CloudFormation's, or a poll of crhelper's; the fields that are read here.

    A property is a text, whatever its type is in the template. `PhysicalResourceId` is only in
    requests to update and to delete, `CrHelperData` only in polls.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
    """

    StackId: str
    PhysicalResourceId: str
    ResourceProperties: dict[str, str]
    CrHelperData: PollState
