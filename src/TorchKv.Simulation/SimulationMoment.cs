namespace TorchKv.Simulation;

/// <summary>How things stood at one moment of a simulation.</summary>
/// <param name="Time">Virtual seconds.</param>
/// <param name="Queued">Requests that wait.</param>
/// <param name="Running">Sequences that run.</param>
/// <param name="HeldBlocks">Blocks that are held.</param>
internal readonly record struct SimulationMoment(double Time, int Queued, int Running, int HeldBlocks);
