namespace TorchKv.Runtime.Serving;

/// <summary>
/// Statistics that one thread at a time writes and any thread reads. Readers take no lock and delay no writer.
/// </summary>
/// <remarks>
/// The version is odd while the statistics are being written. A reader copies them, and copies again where the version
/// was odd or has changed meanwhile.
/// </remarks>
internal sealed class PublishedStats
{
    private EngineStats _stats;
    private int _version;

    /// <summary>Replaces the statistics. Writers must take turns.</summary>
    public void Write(in EngineStats stats)
    {
        _version++;
        Interlocked.MemoryBarrier();
        _stats = stats;
        Interlocked.MemoryBarrier();
        _version++;
    }

    /// <summary>The statistics that were written last, whole.</summary>
    public EngineStats Read()
    {
        var wait = default(SpinWait);
        while (true)
        {
            var version = Volatile.Read(ref _version);
            var stats = _stats;
            Interlocked.MemoryBarrier();
            if (version % 2 == 0 && Volatile.Read(ref _version) == version)
            {
                return stats;
            }

            wait.SpinOnce();
        }
    }
}
