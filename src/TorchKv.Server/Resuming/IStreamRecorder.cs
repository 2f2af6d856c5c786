namespace TorchKv.Server.Resuming;

/// <summary>Keeps the token ids of one stream, so that another stream can go on from them.</summary>
/// <remarks>Belongs to one stream; not thread-safe. It never waits and never fails.</remarks>
internal interface IStreamRecorder
{
    /// <summary>Keeps new ids of a choice.</summary>
    void Take(int choice, IReadOnlyList<int> ids);

    /// <summary>No ids come any more.</summary>
    void Finish();
}
