namespace TorchKv.Runtime.Cpu.Threads;

/// <summary>
/// One run of a <see cref="ThreadTeam"/>: the work and the serial numbers of its phases. It does not change while any
/// thread works on it.
/// </summary>
internal sealed class PhasedRun
{
    /// <summary>The work.</summary>
    public IPhasedWork Work { get; private set; } = null!;

    /// <summary>The serial number of the first phase.</summary>
    public long First { get; private set; }

    /// <summary>The serial number after that of the last phase.</summary>
    public long End { get; private set; }

    /// <summary>Describes another run. No thread may work on the run before.</summary>
    public void Set(IPhasedWork work, long first)
    {
        Work = work;
        First = first;
        End = first + work.PhaseCount;
    }

    /// <summary>Whether a serial number belongs to this run.</summary>
    public bool Has(long serial) => serial >= First && serial < End;
}
