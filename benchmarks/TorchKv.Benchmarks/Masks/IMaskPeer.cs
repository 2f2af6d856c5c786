namespace TorchKv.Benchmarks.Masks;

/// <summary>Another engine of constraints.</summary>
internal interface IMaskPeer : IDisposable
{
    /// <summary>Its name and version.</summary>
    string Name { get; }

    /// <summary>Compiles a schema and reads texts.</summary>
    PeerAnswer Ask(string schema, PeerTest[] tests);
}
