namespace TorchKv.Server.Resuming;

/// <summary>How far the events of one choice have come.</summary>
/// <param name="Phase">The last event's kind.</param>
/// <param name="Tokens">Tokens of the choice that the events so far stand for.</param>
internal readonly record struct ChoicePosition(ChoicePhase Phase, int Tokens)
{
    /// <summary>Whether an event was sent by the time that another stream of the same answer was here.</summary>
    /// <param name="phase">The event's kind.</param>
    /// <param name="tokens">Tokens of the choice up to the event's last.</param>
    public bool Has(ChoicePhase phase, int tokens) => phase == ChoicePhase.Text && Phase == ChoicePhase.Text
        ? tokens <= Tokens
        : phase <= Phase;
}
