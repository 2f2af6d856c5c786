namespace TorchKv.Structured.Grammars;

/// <summary>A member of an <see cref="AnyOrderNode"/>.</summary>
/// <param name="First">The member where it comes first.</param>
/// <param name="Later">The member behind another one, with what separates the two.</param>
/// <param name="IsRequired">Whether it must be there.</param>
/// <param name="MayRepeat">Whether it may come more than once. Such a member cannot be required.</param>
internal sealed record AnyOrderMember(GrammarNode First, GrammarNode Later, bool IsRequired, bool MayRepeat);
