namespace TorchKv.Runtime.Scheduling;

/// <summary>Where a request is.</summary>
internal enum RequestState
{
    New,
    Waiting,
    Running,
    Finished,
}
